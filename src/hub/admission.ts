import type { Context, Middleware } from 'koa'
import { Callers } from '../access/callers.js'
import type { Clients } from '../access/client.js'
import { guard } from '../access/guard.js'
import { HubTokens } from '../access/hub-token.js'
import { Limits } from '../access/limits.js'
import type { SigningKeys } from '../access/signing-keys.js'
import { VisitorLimit } from '../access/visitor-limit.js'
import type { Accounts } from '../accounts.js'
import type { Config } from '../config.js'
import type { Who } from '../http/route.js'
import { noteRefusal } from '../ops/audit-notes.js'
import { cleanText } from '../ops/log-redaction.js'
import type { SharedCounts } from '../stores/store.js'
import type { Watched } from './basics.js'

interface AdmissionParts extends Watched {
  readonly accounts: Accounts
  readonly clients: Clients
  readonly keys: SigningKeys
  readonly counts: SharedCounts | undefined
}

/** Who is let in. */
export interface Admission {
  /** The step before a route that is for them alone. */
  guardFor(who: Who): Middleware
  /** Whether the caller of a route that is for anyone may see what the metrics show. One without a key is not refused by this. */
  maySeeDetails(ctx: Context): Promise<boolean>
  /** Those who use WeChat's own paths. */
  readonly callers: Callers
  readonly limits: Limits
  /** Of those who log in. */
  readonly visitors: VisitorLimit
}

/** All refusals are noted in the audit log, and those beyond the limits counted. */
export function createAdmission({ limits: settings }: Config, parts: AdmissionParts): Admission {
  const { accounts, clients, keys, counts, clock, secrets, metrics, audit } = parts
  const limits = new Limits(settings, { refused: (limit) => metrics.rateLimited(limit), clock, counts })
  const access = { clients, limits, findAccount: (name: string) => accounts.find(name) }
  const metricsGuard = guard({ scope: 'metrics' }, access)
  return {
    guardFor: (who) =>
      guard(who, {
        ...access,
        refused: (ctx, { status, message }) =>
          noteRefusal(audit, ctx, { status, errmsg: message }, accounts.find(ctx['params'].account)?.name),
      }),
    maySeeDetails: async (ctx) => ctx.get('authorization') !== '' && passes(metricsGuard, ctx),
    callers: new Callers({
      ...{ clients, accounts, limits },
      hubTokens: new HubTokens({ keys, clients, clock }),
      refused: (ctx, refusal) => noteRefusal(audit, ctx, refusal, ctx.state['account']?.name),
      clean: (text) => cleanText(text, secrets),
    }),
    limits,
    visitors: new VisitorLimit(settings.loginsPerMinute, {
      ...{ refused: () => metrics.rateLimited('login'), clock, counts },
    }),
  }
}

/** Whether a guard would let this request through. */
async function passes(step: Middleware, ctx: Context): Promise<boolean> {
  try {
    await step(ctx, async () => undefined)
    return true
  } catch {
    return false
  }
}
