import { describeKills } from '../faults/kills.js'

describeKills({ kills: 5, rates: { tokens: 25, calls: 15, pushes: 10, logins: 5 } })
