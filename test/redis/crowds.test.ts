import { describeCrowds } from '../faults/crowds.js'

describeCrowds({ rounds: 3, callers: 1_000 })
