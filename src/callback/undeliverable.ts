/** A job that no further try can bring to its receiver. */
export class Undeliverable extends Error {
  override readonly name: string = 'Undeliverable'
}

/** A job for a receiver that this process's configuration does not have. That of another process may. */
export class UnknownReceiver extends Undeliverable {
  override readonly name = 'UnknownReceiver'
}
