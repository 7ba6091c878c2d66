// SPDX-License-Identifier: Apache-2.0

export interface DiffPart {
  kind: 'same' | 'added' | 'removed'
  text: string
}

/** More than this squared is not compared piece by piece: then all of it is old and new. */
const most = 1_500

/** What became of a text, by words or by lines. */
export function textDiff(before: string, after: string, by: 'words' | 'lines' = 'words'): DiffPart[] {
  const cut = (text: string) => text.match(by === 'lines' ? /[^\n]*\n|[^\n]+$/g : /\s+|[\p{L}\p{N}_]+|[^\s\p{L}\p{N}_]/gu) ?? []
  const [a, b] = [cut(before), cut(after)]
  let head = 0
  while (head < a.length && head < b.length && a[head] === b[head]) head++
  let tail = 0
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++
  const parts: DiffPart[] = []
  add(parts, 'same', a.slice(0, head))
  between(parts, a.slice(head, a.length - tail), b.slice(head, b.length - tail))
  add(parts, 'same', a.slice(a.length - tail))
  return parts
}

function add(parts: DiffPart[], kind: DiffPart['kind'], pieces: string[]): void {
  if (pieces.length === 0) return
  const last = parts.at(-1)
  if (last?.kind === kind) last.text += pieces.join('')
  else parts.push({ kind, text: pieces.join('') })
}

/** The longest common sequence of two lists, the rest removed and added. */
function between(parts: DiffPart[], a: string[], b: string[]): void {
  if (a.length > most || b.length > most) {
    add(parts, 'removed', a)
    add(parts, 'added', b)
    return
  }
  const wide = b.length + 1
  const longest = new Uint16Array((a.length + 1) * wide)
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      longest[i * wide + j] = a[i] === b[j] ? longest[(i + 1) * wide + j + 1]! + 1 : Math.max(longest[(i + 1) * wide + j]!, longest[i * wide + j + 1]!)
    }
  }
  let [i, j] = [0, 0]
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) {
      add(parts, 'same', [a[i]!])
      i++
      j++
    } else if (longest[(i + 1) * wide + j]! >= longest[i * wide + j + 1]!) add(parts, 'removed', [a[i++]!])
    else add(parts, 'added', [b[j++]!])
  }
  add(parts, 'removed', a.slice(i))
  add(parts, 'added', b.slice(j))
}
