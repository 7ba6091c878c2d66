// SPDX-License-Identifier: Apache-2.0
import { useDeferredValue, useState } from 'react'

import { useRead } from '../api/house.ts'
import type { Price } from '../api/words.ts'
import { plural, short } from '../lib/format.ts'
import { Card, Empty, Loaded, Search } from '../ui/parts.tsx'

/** What models cost, the operator's own prices first. */
export function Prices() {
  const answer = useRead('price.list', {})
  const [text, setText] = useState('')
  const wanted = useDeferredValue(text.trim().toLowerCase())
  return (
    <>
      <div className="filters"><Search value={text} onChange={setText} label="Vendor or model" /><span className="dim small">dollars for a million tokens{answer.data && `, as of ${answer.data.dated}`}</span></div>
      <Loaded answer={answer} lines={10}>{(d) => <Table prices={(d.prices ?? []).filter((p) => `${p.vendor} ${p.model}`.toLowerCase().includes(wanted))} />}</Loaded>
      <p className="dim small">Your own stand in <code>holdfast.yaml</code>, section <code>prices</code>. A price that is not known is never taken for 0.</p>
    </>
  )
}

const say = (n: number | null): string => (n === null ? '–' : String(n))

function Table({ prices }: { prices: Price[] }) {
  if (prices.length === 0) return <Card><Empty title="No such model">Without a price its calls count in tokens only, and a budget of money refuses them.</Empty></Card>
  return (
    <Card flush title={plural(prices.length, 'price')}>
      <table className="table stacked twin prices">
        <thead><tr><th>Model</th><th>Vendor</th><th className="right">Input</th><th className="right">Cached</th><th className="right">Cache 5 min</th><th className="right">Cache 1 h</th><th className="right">Output</th><th className="right">Reasoning</th></tr></thead>
        <tbody>
          {prices.map((p) => (
            <tr key={`${p.vendor} ${p.model} ${p.above ?? 0}`}>
              <td className="head"><code>{p.model}</code>{p.above ? <span className="dim small"> above {short(p.above)} input</span> : null}</td>
              <td data-label="Vendor">{p.vendor}</td>
              <td className="right" data-label="Input">{say(p.input)}</td>
              <td className="right" data-label="Cached">{say(p.cached_read)}</td>
              <td className="right" data-label="Cache 5 min">{say(p.cache_write_5m)}</td>
              <td className="right" data-label="Cache 1 h">{say(p.cache_write_1h)}</td>
              <td className="right" data-label="Output">{say(p.output)}</td>
              <td className="right" data-label="Reasoning">{say(p.reasoning)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Card>
  )
}
