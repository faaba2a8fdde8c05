import { countOf } from '../support/fleet-counts.js'
import { describeOutages } from './outages.js'

describeOutages({
  kills: countOf('FAULTS_REDIS_KILLS', 50),
  freezes: countOf('FAULTS_REDIS_FREEZES', 20),
  freezeTime: countOf('FAULTS_REDIS_FREEZE_TIME', 5_000),
  flushes: countOf('FAULTS_REDIS_FLUSHES', 10),
  failOvers: countOf('FAULTS_REDIS_FAIL_OVERS', 10),
  rates: { tokens: 100, calls: 20, pushes: 20, logins: 20 },
})
