import { describeDisks } from './disks.js'

describeDisks({ kills: 10 })
