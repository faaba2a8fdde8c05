import { countOf } from '../support/fleet-counts.js'
import { describeDisks } from './disks.js'

describeDisks({ kills: countOf('FAULTS_DISK_KILLS', 10_000) })
