import { describeSoak } from '../faults/soak.js'

describeSoak({ seconds: 10, rates: { tokens: 200, calls: 5, pushes: 5, logins: 2 }, hubs: 2, measured: false })
