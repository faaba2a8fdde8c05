import type { Storage } from '../wechat/storage.js'

/** Where the credentials of all accounts live. */
export interface CredentialStore {
  /** One account's records. `appID`: 1 to 64 letters, digits, `_` and `-`. */
  account(appID: string): Storage
}
