import { countOf } from '../support/fleet-counts.js'
import { describeSoak } from './soak.js'

describeSoak({
  seconds: countOf('FAULTS_SOAK_SECONDS', 600),
  rates: { tokens: 2_000, calls: 50, pushes: 50, logins: 20 },
  hubs: countOf('FAULTS_SOAK_HUBS', 2),
  measured: true,
})
