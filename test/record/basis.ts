import { createBasisMaker, type BasisMaker, type BasisParts } from '../../src/record/make-basis.ts'
import { namedCall } from '../../src/wire/call.ts'
import { listOf } from '../../src/wire/list.ts'

/** As the gateway makes it, where nothing is detected and every rule is read. */
export const plainBasis = (parts: Partial<BasisParts> = {}): BasisMaker => createBasisMaker({ reads: () => undefined, isClean: () => true, callOf: namedCall, listOf, ...parts })
