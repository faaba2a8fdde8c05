import { z } from 'zod'
import { loopbackURL } from './loopback.js'

const modes = ['plain', 'compatible', 'safe'] as const
export type CallbackMode = (typeof modes)[number]

const formats = ['xml', 'json'] as const
export type CallbackFormat = (typeof formats)[number]

/** What signs and enciphers a push, and how it is written. */
export interface PushSettings {
  /** 3 to 32 letters and digits. Needed for every push and handshake. */
  token?: string | undefined
  /** 43 letters and digits. Needed in compatible and safe mode. */
  encodingAESKey?: string | undefined
  /** Default `safe` with an `encodingAESKey`, else `plain`. */
  mode?: CallbackMode | undefined
  /** `json` as a mini program may choose. Default `xml`. */
  format?: CallbackFormat | undefined
}

/** The server settings of an account, as WeChat's console has them. */
export interface CallbackSettings extends PushSettings {
  /** Where pushes go: an http or https URL of this machine. Default: each push names its own. */
  callbackUrl?: string | undefined
}

export const pushSettingsFields = {
  token: z
    .string()
    .regex(/^[A-Za-z0-9]{3,32}$/, 'must be 3 to 32 letters and digits')
    .optional(),
  encodingAESKey: z
    .string()
    .regex(/^[A-Za-z0-9]{43}$/, 'must be 43 letters and digits')
    .optional(),
  mode: z.enum(modes, { error: `must be one of ${modes.join(', ')}` }).optional(),
  format: z.enum(formats, { error: `must be one of ${formats.join(', ')}` }).optional(),
}

export const callbackFields = { ...pushSettingsFields, callbackUrl: loopbackURL.optional() }
