import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { findProgram, remedy } from './debian-packages.js'
import { opensslProgram } from './programs.js'

const command =
  'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1'

/** Makes a key and the certificate of 127.0.0.1 that it signs itself: for who trusts it, its own authority. */
export async function makeCertificate(files: { readonly key: string; readonly certificate: string }): Promise<void> {
  const openssl = findProgram(opensslProgram)
  if (openssl === undefined) throw new Error(`The tests of TLS need a certificate: ${remedy(opensslProgram)}`)
  await promisify(execFile)(openssl, [...command.split(' '), '-keyout', files.key, '-out', files.certificate])
}
