/*! wechat-hub: signs this page for WeChat's JS-SDK. Load it after WeChat's jweixin-1.6.0.js, before any router.
 *
 *   wechatHub.config({ account: 'shop', jsApiList: ['updateAppMessageShareData'] }).then(share, explain)
 *
 * Plain ES5 for old WebViews; of newer things it needs only Promise, which WeChat has had since 2017.
 */
;(function (window, document) {
  'use strict'

  // Loaded again, as by each of several components: the first knows where the page was entered.
  if (window.wechatHub) return

  /** What usually causes what WeChat says. The first that fits counts. */
  var causes = [
    [
      /invalid signature/i,
      'WeChat saw another URL than the one that was signed: a proxy or a router changed it, or on iOS the page was entered ' +
        'at another URL (see signAs); or "account" is not the account whose appID is used',
    ],
    [
      /invalid url domain/i,
      'the host of this page is not in JS接口安全域名 of the account with this appID, or the page is on another port than 80 or 443',
    ],
    [
      /offline verifying/i,
      'jsApiList or openTagList names something that the account may not use, or that is misspelt: see 接口权限 in the console',
    ],
    [/permission denied/i, 'the account may not use this function (接口权限, 认证), or jsApiList does not name it'],
    [/function[ _]?not[ _]?exist/i, 'this version of WeChat does not have this function: see wx.checkJsApi'],
    [/require subscribe/i, 'the visitor has to follow this account (测试号) first'],
    [/invalid app ?id/i, 'the appID of the account at the hub is wrong'],
    [
      /^config:/i,
      'WeChat could not check the page: look at the network and at the values given to wx.config with debug: true',
    ],
  ]

  /** In ms: after the first wx.config WeChat's script tells of refusals only; so long without one counts as taken. */
  var patience = 1000
  var longestWait = 10000

  var ownUrl = findOwnUrl()
  var landing = pageUrl()
  var options = null
  /** Which URL WeChat goes by: 'landing', 'current', or null before it is known. */
  var learned = null
  /** The URL that the latest signing began with. */
  var signedUrl = null
  var latest = 0
  var current = null
  /** Settles when WeChat has answered the latest wx.config, or has had its time. */
  var configured = Promise.resolve()
  var answered = false
  var watching = false

  function findOwnUrl() {
    if (document.currentScript && document.currentScript.src) return document.currentScript.src
    var scripts = document.getElementsByTagName('script')
    for (var i = scripts.length - 1; i >= 0; i--) {
      if (/\/v1\/jssdk\.js([?#]|$)/.test(scripts[i].src)) return scripts[i].src
    }
    return ''
  }

  function pageUrl() {
    return location.href.split('#')[0]
  }

  function failure(code, errMsg, hint) {
    var error = new Error(hint ? errMsg + ': ' + hint : errMsg)
    error.name = 'WechatHubError'
    error.code = code
    error.errMsg = errMsg
    error.hint = hint
    return error
  }

  function ofWechat(result) {
    var errMsg = (result && result.errMsg) || 'config:fail'
    for (var i = 0; i < causes.length; i++) {
      if (causes[i][0].test(errMsg)) return failure('config', errMsg, causes[i][1])
    }
    return failure('config', errMsg)
  }

  /** iOS goes by the URL at which the page was entered, the others by the present one. WeChat's tools only play iOS. */
  function isIos() {
    var agent = navigator.userAgent
    return /iPhone|iPad|iPod/i.test(agent) && !/wechatdevtools/i.test(agent)
  }

  /** The URLs to sign: the one that WeChat should go by, and the other to be tried if that is refused. */
  function urlsToSign() {
    var present = pageUrl()
    if (options.signAs === 'landing') return [landing]
    if (options.signAs === 'current') return [present]
    var first = (learned || (isIos() ? 'landing' : 'current')) === 'landing' ? landing : present
    return landing === present ? [present] : [first, first === landing ? present : landing]
  }

  function isSignature(answer) {
    return (
      answer !== null &&
      typeof answer === 'object' &&
      typeof answer.appId === 'string' &&
      typeof answer.timestamp === 'number' &&
      typeof answer.nonceStr === 'string' &&
      typeof answer.signature === 'string'
    )
  }

  function askHub(url, tell) {
    var request = new XMLHttpRequest()
    var base = (options.hub || ownUrl.replace(/\/v1\/jssdk\.js.*$/, '')).replace(/\/+$/, '')
    request.open('GET', base + '/v1/' + encodeURIComponent(options.account) + '/jssdk?url=' + encodeURIComponent(url))
    request.timeout = longestWait
    request.onload = function () {
      var answer = null
      try {
        answer = JSON.parse(request.responseText)
      } catch (_error) {
        tell(failure('network', 'the hub did not answer JSON', 'does ' + base + ' lead to the hub?'))
        return
      }
      if (request.status !== 200) {
        tell(failure('refused', (answer && answer.errmsg) || 'status ' + request.status, answer && answer.hint))
      } else if (isSignature(answer)) tell(null, answer)
      else tell(failure('network', 'the hub did not answer a signature', 'does ' + base + ' lead to the hub?'))
    }
    request.onerror = request.ontimeout = function () {
      tell(
        failure(
          'network',
          'the hub could not be asked at ' + base,
          "it is out of reach, or the host of this page is not on the account's jsDomains"
        )
      )
    }
    request.send()
  }

  /** Gives WeChat a signature; `tell` learns once how that ends, and `late` of a refusal after it. */
  function configure(wx, signature, tell, late) {
    var over = false
    var isFirst = !answered
    function end(error) {
      if (over) return
      over = true
      tell(error)
    }
    try {
      wx.config({
        debug: options.debug === true,
        appId: signature.appId,
        timestamp: signature.timestamp,
        nonceStr: signature.nonceStr,
        signature: signature.signature,
        jsApiList: options.jsApiList || [],
        openTagList: options.openTagList || [],
      })
      wx.error(function (result) {
        answered = true
        if (over) late(ofWechat(result))
        else end(ofWechat(result))
      })
      if (isFirst) {
        wx.ready(function () {
          answered = true
          end()
        })
      }
    } catch (thrown) {
      end(
        failure(
          'config',
          'config:fail ' + ((thrown && thrown.message) || thrown),
          "is wx the object of WeChat's script?"
        )
      )
      return
    }
    if (!isFirst) {
      setTimeout(end, patience)
      return
    }
    setTimeout(function () {
      end(failure('timeout', 'WeChat does not answer', 'outside WeChat its script never does: open the page in WeChat'))
    }, longestWait)
  }

  function sign() {
    current = attempt(++latest, urlsToSign())
    return current
  }

  /** Has the first of the URLs signed, and gives WeChat the signature; `isSecond` after another that was refused. */
  function attempt(turn, urls, isSecond) {
    var url = urls[0]
    var wx = options.wx || window.wx || window.jWeixin
    signedUrl = url
    if (!wx || typeof wx.config !== 'function') {
      return Promise.reject(
        failure('wx-missing', 'wx is not there', 'load https://res.wx.qq.com/open/js/jweixin-1.6.0.js first')
      )
    }
    function isOutdated() {
      return turn !== latest || urlsToSign()[0] !== url
    }
    /** Another URL has taken this one's place: its end is the end of both. */
    function successor() {
      if (turn === latest) tellOfResigning(sign())
      return current
    }
    function giveUp(error) {
      if (isSecond) {
        // It has taught nothing. Nobody waits for more about it.
        learned = null
        latest++
      }
      return Promise.reject(error)
    }
    function afterRefusal(error) {
      if (urls.length < 2 || !/invalid signature/i.test(error.errMsg)) return giveUp(error)
      learned = urls[1] === landing ? 'landing' : 'current'
      return attempt(++latest, [urls[1]], true)
    }
    function late(error) {
      if (turn !== latest) return
      if (isOutdated()) tellOfResigning(sign())
      else {
        current = afterRefusal(error)
        tellOfResigning(current)
      }
    }
    function give(signature) {
      if (isOutdated()) return successor()
      return new Promise(function (resolve) {
        // WeChat tells a refusal to the latest listener, whichever wx.config it is about: one at a time.
        configured = new Promise(function (ended) {
          function tell(error) {
            ended()
            if (turn !== latest || (error && isOutdated())) resolve(successor())
            else if (error) {
              current = afterRefusal(error)
              resolve(current)
            } else resolve()
          }
          configure(wx, signature, tell, late)
        })
      })
    }
    return new Promise(function (resolve) {
      askHub(url, function (refusal, signature) {
        if (isOutdated()) resolve(successor())
        else if (refusal) resolve(giveUp(refusal))
        else {
          resolve(
            configured.then(function () {
              return give(signature)
            })
          )
        }
      })
    })
  }

  /** For what nobody waits for. */
  function tellOfResigning(promise) {
    var tell = options.onResign || function () {}
    promise.then(
      function () {
        tell()
      },
      function (error) {
        tell(error)
      }
    )
  }

  /** A route has changed, perhaps. What follows the # is not signed. */
  function changed() {
    if (options && options.autoResign !== false && urlsToSign()[0] !== signedUrl) tellOfResigning(sign())
  }

  function watch() {
    if (watching) return
    watching = true
    var names = ['pushState', 'replaceState']
    function wrap(name) {
      var original = history[name]
      if (typeof original !== 'function') return
      history[name] = function () {
        var result = original.apply(this, arguments)
        // Several changes at once, as of a redirect, are one.
        setTimeout(changed, 0)
        return result
      }
    }
    for (var i = 0; i < names.length; i++) wrap(names[i])
    window.addEventListener('popstate', function () {
      setTimeout(changed, 0)
    })
  }

  window.wechatHub = {
    config: function (given) {
      if (!given || typeof given.account !== 'string' || given.account === '') {
        return Promise.reject(
          failure('options', 'account is missing', 'give the name of the account at the hub, or its appID')
        )
      }
      if (!given.hub && ownUrl === '') {
        return Promise.reject(failure('options', 'hub is missing', 'give the URL of the hub'))
      }
      options = given
      learned = null
      watch()
      return sign()
    },
    resign: function () {
      return options === null ? Promise.reject(failure('options', 'config has not been called')) : sign()
    },
    ready: function () {
      return current === null ? Promise.reject(failure('options', 'config has not been called')) : current
    },
  }
})(window, document)
