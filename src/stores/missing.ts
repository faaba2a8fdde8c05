/** For `catch`: a file that is not there is nothing. @throws whatever else the file system threw. */
export function missing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}
