/**
 * The account with which the hub starts when none is configured. Everybody can read it here, so it protects nothing:
 * it works only at a sandbox, and a sandbox listens only on 127.0.0.1.
 */
export const sandboxAccount = Object.freeze({
  appID: 'wx5a4db0c5a4db0c50',
  appSecret: '5a4db0c0000000000000000000005a4d',
  token: 'sandboxtoken',
})
