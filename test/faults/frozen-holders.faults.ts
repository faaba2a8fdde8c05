import { countOf } from '../support/fleet-counts.js'
import { describeFrozenHolders } from './frozen-holders.js'

describeFrozenHolders({ times: countOf('FAULTS_FROZEN_HOLDERS', 20), within: 8 })
