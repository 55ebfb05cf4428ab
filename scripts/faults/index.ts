import { activation, activationOfWorkers } from './activation.ts'
import { bootMatrix } from './boot.ts'
import type { Campaign } from './campaign.ts'
import { clockSteps } from './clock.ts'
import { crash, honest, stepwise, workers } from './crash.ts'
import { diskFault } from './disk-fault.ts'
import { failingDisk } from './failing-disk.ts'
import { failingEvaluator } from './evaluator.ts'
import { underFloods } from './floods.ts'
import { gracefulStop } from './graceful-stop.ts'
import { loginStorm } from './login-storm.ts'
import { isolated, judged, same } from './messages.ts'
import { order } from './order.ts'
import { pendingApprovals } from './pending-approvals.ts'
import { powerCut } from './power-cut.ts'
import { runaway } from './runaway.ts'
import { slowDisk } from './slow-disk.ts'

/** Every promise that is tried, by its number. */
export const campaigns: Readonly<Record<string, Campaign>> = {
  P1: crash,
  'P1-workers': workers,
  P2: powerCut,
  P3: order,
  P4: stepwise,
  P5: honest,
  P6: diskFault,
  P7: slowDisk,
  P8: failingDisk,
  P10: judged,
  P12: failingEvaluator,
  P13: runaway,
  P14: activation,
  'P14-workers': activationOfWorkers,
  P16: same,
  P20: pendingApprovals,
  P23: isolated,
  P28: gracefulStop,
  P29: bootMatrix,
  P32: clockSteps,
  L12: loginStorm,
  L13: underFloods,
}
