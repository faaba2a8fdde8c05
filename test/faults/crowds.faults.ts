import { countOf } from '../support/fleet-counts.js'
import { describeCrowds } from './crowds.js'

describeCrowds({ rounds: countOf('FAULTS_ROUNDS', 200), callers: countOf('FAULTS_CALLERS', 10_000) })
