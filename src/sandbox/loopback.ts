import { z } from 'zod'

/** An http(s) URL of this machine: the sandbox knocks at no other door, whoever asks it to. */
export const loopbackURL: z.ZodType<string> = z
  .string()
  .max(2048)
  .refine(isLoopback, 'must be an http or https URL of this machine: its host 127.0.0.0/8, [::1] or localhost')

function isLoopback(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, hostname, username, password } = new URL(text)
  if (protocol !== 'http:' && protocol !== 'https:') return false
  // The parser has brought every spelling of an IPv4 address, such as 2130706433, into four decimal numbers.
  const here = hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname)
  return here && username === '' && password === ''
}
