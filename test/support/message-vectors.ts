import { readFileSync } from 'node:fs'

export interface Vector<Input, Output> {
  readonly id: string
  /** Missing means `valid`. */
  readonly expect?: 'valid' | 'invalid'
  readonly operation?: string
  readonly format?: string
  readonly input: Input
  readonly output: Output
}

export interface CryptoInput {
  readonly encodingAESKey: string
  readonly receiveId: string
  readonly encrypt?: string
  readonly message?: string
  /** ASCII. */
  readonly random16?: string
}

export interface CryptoOutput {
  readonly message?: string
  readonly contains?: readonly string[]
  readonly encrypt?: string
}

export interface SignatureInput {
  readonly token: string
  readonly timestamp: string
  readonly nonce: string
  readonly encrypt: string
}

export interface ParsedOutput {
  /** By path: `List[1].TemplateId`. */
  readonly fields: Readonly<Record<string, string>>
}

export function cryptoVectors(): readonly Vector<CryptoInput, CryptoOutput>[] {
  return vectorsOf('message-crypto')
}

export function signatureVectors(): readonly Vector<SignatureInput, { readonly msgSignature: string }>[] {
  return vectorsOf('message-signature')
}

export function parsingVectors(): readonly Vector<{ readonly raw: string }, ParsedOutput>[] {
  return vectorsOf('push-parsing')
}

/** What stands at a path of names and positions, such as `SubscribeMsgPopupEvent.List[1].PopupScene`. */
export function valueAt(value: unknown, path: string): unknown {
  let found = value
  for (const name of path.split(/[.[\]]+/).filter((part) => part !== '')) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, name)) return undefined
    found = Reflect.get(found, name)
  }
  return found
}

function vectorsOf<I, O>(file: string): readonly Vector<I, O>[] {
  const { cases }: { cases: Vector<I, O>[] } = JSON.parse(
    readFileSync(new URL(`../vectors/${file}.json`, import.meta.url), 'utf8'),
  )
  return cases
}
