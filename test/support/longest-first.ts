import { relative } from 'node:path'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Where the files are that take longest, of a minute and a half down to ten seconds. */
const longest = [
  'test/faults/',
  'test/redis/outages',
  'test/cli/migrate',
  'test/stores/redis-',
  'test/cli/',
  'test/processes/',
  'test/redis/',
  'test/wechat/outage',
  'test/app/',
  'test/workers/',
]

/** For vitest: no long file is left for the end, when nobody else is at work. */
export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const file = relative(process.cwd(), moduleId)
      const at = longest.findIndex((prefix) => file.startsWith(prefix))
      return at === -1 ? longest.length : at
    }
    return (await super.sort(files)).sort((one, other) => place(one) - place(other))
  }
}
