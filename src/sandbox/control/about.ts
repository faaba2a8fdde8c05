import type { Control } from './control.js'

/** The text at `GET /`: what this is, and what can be done to it. */
export function about(controls: readonly Control[]): string {
  const lines = controls.map((control) => `  ${control.method.padEnd(6)} ${control.path.padEnd(18)} ${control.about}`)
  return `This is the sandbox of wechat-hub: a stand-in for api.weixin.qq.com on this machine, for development and tests.
Nothing here reaches WeChat. The API is at the same paths (/cgi-bin/token, /sns/jscode2session, ...).

Control, with JSON bodies:
${lines.join('\n')}
`
}
