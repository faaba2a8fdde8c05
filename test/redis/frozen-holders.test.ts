import { describeFrozenHolders } from '../faults/frozen-holders.js'

describeFrozenHolders({ times: 1, within: 30 })
