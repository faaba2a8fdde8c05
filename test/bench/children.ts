import type { Child } from './child.js'

/** The processes of one measurement: `started` takes each of them in, and all are ended with it. */
export async function withChildren<T>(work: (started: <C extends Child>(child: C) => C) => Promise<T>): Promise<T> {
  const children: Child[] = []
  try {
    return await work((child) => {
      children.push(child)
      return child
    })
  } finally {
    await Promise.all(children.map((child) => child.stop()))
  }
}
