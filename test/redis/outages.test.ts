import { describeOutages } from '../faults/outages.js'

const rates = { tokens: 20, calls: 5, pushes: 5, logins: 5 }

describeOutages({ kills: 2, freezes: 2, freezeTime: 1_000, flushes: 2, failOvers: 2, rates })
