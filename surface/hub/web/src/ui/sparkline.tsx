// SPDX-License-Identifier: Apache-2.0

/** Bars without axes, for a glance. */
export function Sparkline({ values, label }: { values: number[]; label: string }) {
  const top = Math.max(1, ...values)
  const width = 100 / Math.max(values.length, 1)
  return (
    <svg className="sparkline" viewBox="0 0 100 32" preserveAspectRatio="none" role="img" aria-label={label}>
      {values.map((v, i) => {
        const height = v > 0 ? Math.max(1.5, (v / top) * 32) : 0.75
        return <rect key={i} x={i * width + width * 0.12} width={width * 0.76} y={32 - height} height={height} rx="0.6" className={v > 0 ? 'on' : ''} />
      })}
    </svg>
  )
}
