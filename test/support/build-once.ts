import type { TestProject } from 'vitest/node'
import { buildInto } from './build.js'
import { removeFolder, temporaryFolder } from './temporary-folder.js'

/** For vitest: one build for all tests of a run, which they find by `built`. */
export default async function setup(project: TestProject): Promise<() => void> {
  const folder = temporaryFolder()
  await buildInto(folder)
  project.provide('built', folder)
  project.onTestsRerun(() => buildInto(folder))
  return () => removeFolder(folder)
}
