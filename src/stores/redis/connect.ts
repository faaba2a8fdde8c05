import { Cluster } from './cluster.js'
import { type Driver, loadDial } from './driver.js'
import { Sentinels } from './sentinel.js'
import { Single } from './single.js'
import type { RedisAddress } from './url.js'

/**
 * Connects, and again whenever a connection is lost. Resolves when the first connection is made.
 *
 * @throws {Error} when nobody is let in, or else after `patience` ms.
 */
export async function connect(address: RedisAddress, patience: number): Promise<Driver> {
  const dial = await loadDial()
  const driver =
    address.kind === 'cluster'
      ? new Cluster(dial, address)
      : address.kind === 'sentinel'
        ? new Sentinels(dial, address)
        : new Single(dial, { ...address, node: address.nodes[0] ?? { host: 'localhost', port: 6379 } })
  try {
    await driver.connected(patience)
    return driver
  } catch (error) {
    driver.close()
    throw error
  }
}
