import { path } from '../../fields.ts'

export const rulesSettings = path('a file of YAML rules')
  .meta({ description: 'YAML rules beside those of the source (`rules.yaml` there). The file is watched. Whoever can write to it writes policy.' })
