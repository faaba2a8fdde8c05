import { describeDisks } from './disks.js'

describeDisks({ kills: 1_000 })
