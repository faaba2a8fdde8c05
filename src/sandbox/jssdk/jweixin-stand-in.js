/* A stand-in for WeChat's jweixin-1.6.0.js, for any browser: the sandbox of wechat-hub does what WeChat's client would.
 * Like the original it calls back for the first wx.config alone: after that wx.ready answers at once, and only a refusal
 * is told, to the function that wx.error was given last. On a refusal the functions of wx.ready are called as well.
 */
;(function (window, document) {
  'use strict'

  var script = document.currentScript.src
  var landing = pageUrl()
  var settings = {}
  var done = false
  var refusal = null
  var onError = null
  var waiting = []

  function pageUrl() {
    return location.href.split('#')[0]
  }

  function verify(config, tell) {
    var request = new XMLHttpRequest()
    request.open('POST', script.replace(/\/sandbox\/jweixin\.js.*$/, '/sandbox/js-config'))
    request.onload = function () {
      tell(JSON.parse(request.responseText).errMsg || 'config:fail')
    }
    request.onerror = function () {
      tell('config:fail')
    }
    request.send(
      JSON.stringify({
        appId: String(config.appId),
        timestamp: String(config.timestamp),
        nonceStr: String(config.nonceStr),
        signature: String(config.signature),
        url: /[?&]client=ios/.test(script) ? landing : pageUrl(),
      })
    )
  }

  function finish(errMsg) {
    var called = waiting
    done = true
    waiting = []
    if (settings.debug) console.info('wx.config', errMsg)
    if (errMsg !== 'config:ok') {
      refusal = { errMsg: errMsg }
      if (onError) onError(refusal)
    }
    called.forEach(function (callback) {
      callback()
    })
  }

  function answerWith(name, fields) {
    return function (options) {
      var result = fields ? fields(options || {}) : {}
      result.errMsg = name + ':ok'
      setTimeout(function () {
        if (options && options.success) options.success(result)
        if (options && options.complete) options.complete(result)
      }, 0)
    }
  }

  var wx = {
    config: function (options) {
      settings = options
      verify(options, finish)
    },
    ready: function (callback) {
      if (done) callback()
      else waiting.push(callback)
    },
    error: function (callback) {
      if (refusal && !onError) callback(refusal)
      onError = callback
    },
    checkJsApi: answerWith('checkJsApi', function (options) {
      var known = {}
      ;(options.jsApiList || []).forEach(function (name) {
        known[name] = name in wx
      })
      return { checkResult: known }
    }),
  }
  ;[
    'updateAppMessageShareData',
    'updateTimelineShareData',
    'onMenuShareAppMessage',
    'onMenuShareTimeline',
    'hideMenuItems',
    'showMenuItems',
    'closeWindow',
  ].forEach(function (name) {
    wx[name] = answerWith(name)
  })

  window.wx = window.jWeixin = wx
})(window, document)
