import { countOf } from '../support/fleet-counts.js'
import { describeKills } from './kills.js'

describeKills({ kills: countOf('FAULTS_KILLS', 200), rates: { tokens: 100, calls: 50, pushes: 30, logins: 20 } })
