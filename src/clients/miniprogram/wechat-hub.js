/**
 * The mini-program client of wechat-hub. Copy this file into a mini program, with wechat-hub.d.ts for its types:
 *
 *     const { createHub } = require('./utils/wechat-hub.js')
 *     const hub = createHub({ hub: 'https://hub.example.com', account: 'mini', backEnds: ['https://api.example.com'] })
 *     App({ hub, onLaunch() { hub.start() } })
 *     getApp().hub.request({ url: 'https://api.example.com/orders' }).then(({ statusCode, data }) => {})
 *
 * ES2017, and nothing but `wx` and timers. A session gets into no URL, no error and no console.
 */

/** In ms. A session lives half an hour, as a rule. */
const renewEvery = 20 * 60 * 1000
/** After a renewal that failed, in ms: within the grace of the old session, in case that only the answer was lost. */
const tryAgainAfter = 30 * 1000
/** After a login that failed, in ms: who asks meanwhile gets the same error. */
const pause = 3 * 1000
/** The longest that Retry-After is heeded for, in ms. */
const longestPause = 60 * 1000
/** A session with less to live is over, in ms. */
const margin = 10 * 1000
/** WeChat's errcode for a session_key that another login has replaced. */
const keyReplaced = 87009

/**
 * One for a mini program and account: two would not know of each other's renewals.
 *
 * @param {import('./wechat-hub').HubOptions} options
 * @returns {import('./wechat-hub').Hub}
 * @throws {TypeError} when an option is wrong
 */
function createHub(options) {
  const { base, account, backEnds, timeout, onError } = checked(options)
  const sessions = `${base}/v1/${encodeURIComponent(account)}/sessions`
  const kept = keeper(`wechat-hub ${base} ${account}`)
  /** What is under way, by name; another object from each logout on. */
  let flights = {}
  let started = false
  let awake = false
  let loggedOut = false
  /** The latest login that failed: why, and until when none is tried. */
  let refusal
  let timer

  /** What the hub answers, or an error with its errcode and hint. */
  function call(method, path, session, data) {
    const header = session === undefined ? {} : { Authorization: `Bearer ${session}` }
    return send({ url: sessions + path, method, header, data, timeout, redirect: 'manual' }).then(judged)
  }

  /** Starts `work` unless it is under way already. */
  function once(name, work) {
    const mine = flights
    if (mine[name] === undefined) {
      const ended = () => {
        delete mine[name]
      }
      mine[name] = work(mine)
      mine[name].then(ended, ended)
    }
    return mine[name]
  }

  /** Keeps the session that the hub gave, unless there was a logout since. */
  function accept(answer, flight) {
    if (!isAnswer(answer)) throw failure('The hub answered without a session', { errcode: -1 })
    if (flight !== flights) {
      call('DELETE', '/current', answer.session).catch(() => undefined)
      throw loggedOutMeanwhile()
    }
    const life = answer.expires_in * 1000
    kept.set({ session: answer.session, end: Date.now() + life, life })
    loggedOut = false
    plan(untilRenewal(kept.get()))
    return answer
  }

  function login() {
    if (isPausing(refusal)) return Promise.reject(refusal.error)
    return once('login', (flight) =>
      wxLogin()
        .then((code) => call('POST', '', undefined, { code }))
        .then((answer) => accept(answer, flight))
        .catch((error) => {
          if (flight === flights) refusal = { error, end: Date.now() + pauseAfter(error) }
          throw error
        }),
    )
  }

  /** Another session than `refused`: the one that has come since, or that of a new login. */
  function replace(refused) {
    const present = kept.get()
    return isAlive(present) && present.session !== refused ? Promise.resolve(asAnswer(present)) : login()
  }

  function renew() {
    return once('renew', (flight) => {
      const old = kept.get()
      if (!old) return login()
      return call('POST', '/current/renew', old.session).then(
        // A login that has ended meanwhile goes before.
        (answer) => (flight === flights && kept.get() !== old ? asAnswer(kept.get()) : accept(answer, flight)),
        (error) => {
          // Anything else says nothing of the session: it is kept to its end.
          if (error.statusCode === 401 && flight === flights) return replace(old.session)
          throw error
        },
      )
    })
  }

  function session(wanted) {
    const present = kept.get()
    if (!isAlive(present)) return login().then(textOf)
    if (!Object(wanted).checkKey) return Promise.resolve(present.session)
    const flight = flights
    return wxCheckSession().then((good) => {
      if (flight !== flights) throw loggedOutMeanwhile()
      return good ? session() : replace(present.session).then(textOf)
    })
  }

  /** The session to repeat a request with that was answered 401; the same one if another would not help. */
  function anotherFor(refused, url, flight) {
    const present = kept.get()
    if (url.startsWith(`${base}/`) || !present || present.session !== refused) return replace(refused).then(textOf)
    // A back end may have reasons of its own; only the hub knows whether it is the session.
    return call('GET', '/current', refused).then(
      () => refused,
      (error) => (error.statusCode === 401 && flight === flights ? replace(refused).then(textOf) : refused),
    )
  }

  function request(wanted) {
    const { url } = Object(wanted)
    const name = headerFor(url, base, backEnds)
    if (name === undefined) {
      const message = `A session goes to the hub and to the origins in "backEnds" only, not to ${originOf(url)}`
      return Promise.reject(failure(message, { errcode: -1, hint: 'Use wx.request for other hosts.' }))
    }
    const flight = flights
    return session().then((used) =>
      send(withSession(wanted, name, used)).then((response) => {
        if (response.statusCode !== 401 || flight !== flights) return response
        return anotherFor(used, url, flight).then((other) =>
          other === used || flight !== flights ? response : send(withSession(wanted, name, other)),
        )
      }),
    )
  }

  function logout() {
    const present = kept.get()
    flights = {}
    loggedOut = true
    kept.clear()
    clearTimeout(timer)
    if (!present) return Promise.resolve()
    return call('DELETE', '/current', present.session).then(
      () => undefined,
      (error) => {
        if (error.statusCode !== 401) throw error
      },
    )
  }

  /** There are no renewals in the background, nor after a logout. */
  function plan(ms) {
    clearTimeout(timer)
    if (awake && !loggedOut) timer = setTimeout(keepUp, ms)
  }

  function keepUp() {
    const flight = flights
    const work = isAlive(kept.get()) ? renew() : login()
    work.catch((error) => failed(error, flight))
  }

  function failed(error, flight) {
    if (flight !== flights) return
    plan(Math.max(tryAgainAfter, pauseAfter(error)))
    onError(error)
  }

  function show() {
    if (!started || awake) return
    awake = true
    plan(untilRenewal(kept.get()))
  }

  function hide() {
    awake = false
    clearTimeout(timer)
  }

  function start() {
    if (started && !loggedOut) return
    if (!started) {
      wx.onAppShow(show)
      wx.onAppHide(hide)
    }
    started = true
    awake = true
    loggedOut = false
    const flight = flights
    session({ checkKey: true }).then(
      () => {
        if (flight === flights) plan(untilRenewal(kept.get()))
      },
      (error) => failed(error, flight),
    )
  }

  function stop() {
    started = false
    hide()
    // Base libraries before 2.9.3 lack them.
    if (wx.offAppShow) wx.offAppShow(show)
    if (wx.offAppHide) wx.offAppHide(hide)
  }

  function onSession(what, data) {
    const options = { url: `${sessions}/current/${what}`, method: 'POST', data, timeout, redirect: 'manual' }
    const flight = flights
    return request(options)
      .then(judged)
      .catch((error) => {
        const refused = () => Promise.reject(error)
        // These data are lost; what the user gives after a login is not.
        return error.errcode === keyReplaced && flight === flights ? login().then(refused, refused) : refused()
      })
  }

  function decrypt(sealed) {
    const { encryptedData, iv } = Object(sealed)
    return onSession('decrypt', { encryptedData, iv })
  }

  function verify(signed) {
    const { rawData, signature } = Object(signed)
    return onSession('verify', { rawData, signature })
  }

  return { login, session, request, decrypt, verify, renew, logout, start, stop }
}

function checked(options) {
  const { hub, account, backEnds = [], timeout = 10000, onError = () => undefined } = options
  if (originOf(hub) === undefined || /[?#]/.test(hub)) throw new TypeError('"hub" option must be an http(s) URL')
  if (typeof account !== 'string' || account === '') throw new TypeError('"account" option must be a name')
  const origins = backEnds.map(originOf)
  if (origins.includes(undefined)) throw new TypeError('"backEnds" option must be a list of http(s) URLs')
  return { base: hub.replace(/\/+$/, ''), account, backEnds: origins, timeout, onError }
}

/** The origin of a plain URL; `undefined` for one that another reader could take for another host. */
function originOf(url) {
  const found = /^(https?):\/\/((?:[a-z0-9.-]+|\[[0-9a-f:]+\])(?::\d+)?)(?=[/?#]|$)/i.exec(url)
  if (found === null) return undefined
  const scheme = found[1].toLowerCase()
  return `${scheme}://${found[2].toLowerCase().replace(scheme === 'https' ? /:443$/ : /:80$/, '')}`
}

/** Where the session goes in a request: not at all to strangers. */
function headerFor(url, base, backEnds) {
  const origin = typeof url === 'string' ? originOf(url) : undefined
  if (origin === undefined) return undefined
  if (url.startsWith(`${base}/`)) return 'Authorization'
  return backEnds.includes(origin) ? 'X-Session' : undefined
}

function withSession(wanted, name, session) {
  const header = {}
  for (const key of Object.keys(wanted.header || {})) {
    if (key.toLowerCase() !== name.toLowerCase()) header[key] = wanted.header[key]
  }
  header[name] = name === 'Authorization' ? `Bearer ${session}` : session
  return Object.assign({}, wanted, { header })
}

/** Calls a function of WeChat's with callbacks that settle the promise. */
function asked(call, url) {
  return new Promise((resolve, reject) => {
    const fail = (error) => {
      const { errMsg, message } = Object(error)
      const said = errMsg || message || 'fail'
      reject(failure(said, { errcode: -1, hint: hintFor(said, url) }))
    }
    try {
      call({ success: resolve, fail })
    } catch (error) {
      fail(error)
    }
  })
}

function send(options) {
  return asked((callbacks) => wx.request(Object.assign({}, options, callbacks)), options.url)
}

function hintFor(errMsg, url) {
  return /domain list/.test(errMsg) ? `Add ${originOf(url)} to the request合法域名 of the mini program.` : undefined
}

function judged({ statusCode, data, header }) {
  if (statusCode >= 200 && statusCode < 300) return data
  const { errcode = -statusCode, errmsg = `The hub answered HTTP ${statusCode}`, hint, requestId } = Object(data)
  throw failure(errmsg, { errcode, hint, requestId, statusCode, retryAfter: retryAfterIn(header) })
}

/** In seconds. WeChat gives the names of headers as they came. */
function retryAfterIn(header) {
  const name = Object.keys(Object(header)).find((each) => each.toLowerCase() === 'retry-after')
  return name !== undefined && /^\d{1,9}$/.test(header[name]) ? Number(header[name]) : undefined
}

/** In ms. */
function pauseAfter({ retryAfter = 0 }) {
  return Math.max(pause, Math.min(longestPause, retryAfter * 1000))
}

/** One that ends too late tells that the clock was put back. */
function isPausing(refusal) {
  const left = refusal === undefined ? 0 : refusal.end - Date.now()
  return left > 0 && left <= longestPause
}

function failure(message, fields) {
  return Object.assign(new Error(message), fields)
}

function loggedOutMeanwhile() {
  return failure('Logged out meanwhile', { errcode: -1 })
}

function wxLogin() {
  return asked((callbacks) => wx.login(callbacks)).then((result) => {
    const { code } = Object(result)
    if (!code) throw failure('wx.login gave no code', { errcode: -1 })
    return code
  })
}

/** Whether WeChat still takes the session_key of the last login. */
function wxCheckSession() {
  return asked((callbacks) => wx.checkSession(callbacks)).then(
    () => true,
    () => false,
  )
}

function isAnswer(answer) {
  const { session, expires_in } = Object(answer)
  return typeof session === 'string' && session !== '' && Number.isFinite(expires_in) && expires_in > 0
}

function asAnswer({ session, end }) {
  return { session, expires_in: Math.floor((end - Date.now()) / 1000) }
}

function textOf(answer) {
  return answer.session
}

function isAlive(record) {
  return record !== null && record.end - Date.now() > margin
}

/** In ms. A record from the future tells that the clock was put back: its age is unknown. */
function untilRenewal(record) {
  if (record === null) return 0
  const age = Date.now() - (record.end - record.life)
  return age < 0 ? 0 : Math.max(0, Math.min(renewEvery, (record.life * 2) / 3) - age)
}

/** The session in the storage of the mini program; in memory alone while that fails. */
function keeper(key) {
  let record
  return {
    get() {
      if (record === undefined) record = stored(key)
      return record
    },
    set(value) {
      record = value
      attempt(() => wx.setStorageSync(key, value))
    },
    clear() {
      record = null
      attempt(() => wx.removeStorageSync(key))
    },
  }
}

function stored(key) {
  const found = Object(attempt(() => wx.getStorageSync(key)))
  return typeof found.session === 'string' && found.end > 0 && found.life > 0 ? found : null
}

function attempt(work) {
  try {
    return work()
  } catch (_error) {
    return undefined
  }
}

module.exports = { createHub }
