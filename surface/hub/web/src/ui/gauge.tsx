// SPDX-License-Identifier: Apache-2.0
import { percent, short, whole } from '../lib/format.ts'

interface Props {
  label: string
  value: number
  cap: number
  /** The share of the cap from which the breaker warns. */
  soft: number
}

const radius = 52
const length = Math.PI * radius

/** A burn against its cap: half a dial with a tick where the warning begins. */
export function Gauge({ label, value, cap, soft }: Props) {
  const share = cap > 0 ? value / cap : 0
  const tone = share >= 1 ? 'bad' : share >= soft ? 'warn' : 'good'
  const angle = Math.PI * (1 - Math.min(soft, 1))
  const tick = (r: number) => `${64 + r * Math.cos(angle)} ${64 - r * Math.sin(angle)}`
  return (
    <div className={`gauge ${tone}`} role="meter" aria-label={label} aria-valuemin={0} aria-valuemax={cap} aria-valuenow={Math.min(value, cap)} aria-valuetext={`${whole(value)} of ${whole(cap)} tokens`}>
      <svg viewBox="0 0 128 72" aria-hidden="true">
        <path className="gauge-track" d={`M12 64a${radius} ${radius} 0 0 1 104 0`} />
        {share > 0 && <path className="gauge-fill" d={`M12 64a${radius} ${radius} 0 0 1 104 0`} strokeDasharray={`${Math.max(1, Math.min(share, 1) * length)} ${length}`} />}
        <path className="gauge-tick" d={`M${tick(43.5)}L${tick(61)}`} />
        <text x="64" y="52" textAnchor="middle" className="gauge-value">{short(value)}</text>
        <text x="64" y="67" textAnchor="middle" className="gauge-share">{percent(share)} of {short(cap)}</text>
      </svg>
      <span className="gauge-label" aria-hidden="true">{label}</span>
    </div>
  )
}
