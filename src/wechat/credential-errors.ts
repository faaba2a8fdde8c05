import { UpstreamError, WechatError } from './errors.js'

// Why a refresh can fail besides what WeChat says.

export function asWechatError(error: unknown): WechatError {
  if (error instanceof WechatError) return error
  return new WechatError('STORE_FAILED', 'the store failed', { kind: 'transient', cause: error })
}

export function closed(): WechatError {
  return new WechatError('UNAVAILABLE', 'it was closed', { kind: 'permanent' })
}

export function tooSlow(): WechatError {
  return new WechatError('UNAVAILABLE', 'WeChat has not answered yet', { kind: 'transient' })
}

export function stillRefused(): WechatError {
  return new WechatError('UPSTREAM_GARBAGE', 'WeChat gives the very value that it refuses', { kind: 'transient' })
}

export function tooShort(expiresIn: number): WechatError {
  return new WechatError('UPSTREAM_GARBAGE', `WeChat gave a value with only ${expiresIn} s to live`, {
    kind: 'transient',
  })
}

export function leaseOver(): WechatError {
  return new WechatError(
    'LOCK_BUSY',
    'the lock was over before WeChat could be asked: this process stood still, or the store lost it',
    { kind: 'transient' },
  )
}

export function tooLateToAsk(): UpstreamError {
  return new UpstreamError('UPSTREAM_TIMEOUT', 'the time for the fetch was over before WeChat could be asked', {
    delivered: false,
  })
}

export function overtaken(): WechatError {
  return new WechatError('STORE_FAILED', 'other processes keep storing newer records', { kind: 'transient' })
}
