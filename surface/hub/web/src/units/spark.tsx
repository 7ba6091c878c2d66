// SPDX-License-Identifier: Apache-2.0
import { memo } from 'react'

import { scaleTop, sparkPath } from '../lib/spark.ts'

interface Props {
  at: number[]
  values: number[]
  /** The end of the time axis, and how far back it reaches, in seconds. */
  now: number
  reach: number
  /** The scale never ends below this, so that noise stays small. */
  least: number
}

const [width, height] = [46, 22]

/** A small line for a table; the figure beside it says the same in words. */
export const Spark = memo(function Spark({ at, values, now, reach, least }: Props) {
  const path = sparkPath(at, values, now - reach, now, scaleTop(values, least), width, height)
  return (
    <svg className="spark" width={width} height={height} viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
      <path className="spark-ground" d={`M0 ${height - 0.5}H${width}`} />
      {path.area && <path className="spark-area" d={path.area} />}
      {path.line && <path className="spark-line" d={path.line} />}
    </svg>
  )
})
