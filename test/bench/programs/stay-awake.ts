/**
 * Until the answer is called, this process never sleeps. To wake a sleeper on the same machine is paid for by the server
 * that answers it, and costs as much as many requests do; whether it sleeps would hang on which server is faster.
 */
export function stayAwake(): () => void {
  let next: NodeJS.Immediate
  const turn = () => {
    next = setImmediate(turn)
  }
  turn()
  return () => clearImmediate(next)
}
