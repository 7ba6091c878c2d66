// SPDX-License-Identifier: Apache-2.0
// Text that others wrote (a tool's description, a client's name, what a tool answered) is shown as what it is:
// nothing in it is obeyed, nothing in it is unseen, and none of it is longer than its place.

export interface ShownPiece {
  text: string
  /** What the mark stands for; a piece without it is plain text. */
  hidden?: string
}

export interface ShownText {
  pieces: ShownPiece[]
  /** How many characters are left out at the end. */
  left: number
  /** How many runs of characters in it cannot be seen. */
  hidden: number
}

// What no eye sees or what turns the text around it: controls but line ends and tabs, formats, fillers, tags, private
// and lone ones; and marks piled on one letter. Joiners and selectors within an emoji are part of it.
const unseen = /(?:(?!(?<=\p{Extended_Pictographic}\p{Emoji_Modifier}?)\ufe0f|(?<=\p{Extended_Pictographic}(?:\p{Emoji_Modifier}|\ufe0f)?)\u200d(?=\p{Extended_Pictographic}))(?![\n\t])[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}\p{DI}\u2800])+|(?<=\p{M}{4})\p{M}+/gu

const names: Record<number, string> = {
  0x00: 'null', 0x07: 'bell', 0x08: 'backspace', 0x0d: 'carriage return', 0x1b: 'escape', 0x7f: 'delete', 0xad: 'soft hyphen',
  0x200b: 'zero-width space', 0x200c: 'zero-width non-joiner', 0x200d: 'zero-width joiner', 0x200e: 'left-to-right mark', 0x200f: 'right-to-left mark',
  0x202a: 'left-to-right embedding', 0x202b: 'right-to-left embedding', 0x202c: 'end of embedding', 0x202d: 'left-to-right override', 0x202e: 'right-to-left override',
  0x2060: 'word joiner', 0x2066: 'left-to-right isolate', 0x2067: 'right-to-left isolate', 0x2068: 'first strong isolate', 0x2069: 'end of isolate', 0xfeff: 'byte order mark',
}

const code = (point: number): string => `U+${point.toString(16).toUpperCase().padStart(4, '0')}`
const isTag = (point: number): boolean => point >= 0xe0020 && point <= 0xe007e
const smuggledMost = 200

/** Says in a mark what a run of unseen characters is; tags, which spell a text that nobody sees, are spelled. */
function mark(run: string): ShownPiece {
  const points = [...run].map((c) => c.codePointAt(0) ?? 0)
  const tags = points.filter(isTag)
  if (tags.length > 0) {
    const spelled = tags.slice(0, smuggledMost).map((p) => String.fromCharCode(p - 0xe0000)).join('')
    return { text: `⟨hidden: ${spelled}${tags.length > smuggledMost ? '…' : ''}⟩`, hidden: `${tags.length} characters that nobody sees spell this` }
  }
  const first = points[0] ?? 0
  if (/^\p{M}/u.test(run)) return { text: `⟨+${points.length} marks⟩`, hidden: `${points.length} more marks on one letter` }
  const alike = points.every((p) => p === first)
  const text = points.length === 1 ? code(first) : alike ? `${code(first)} ×${points.length}` : `${code(first)} and ${points.length - 1} more`
  return { text: `⟨${text}⟩`, hidden: `${names[first] ?? 'a character that cannot be seen'}${points.length > 1 ? `, ${points.length} in a row` : ''}` }
}

/** The text in pieces, at most so many characters of it. */
export function shown(raw: string | null | undefined, most = 4_000): ShownText {
  const all = raw ?? ''
  const cut = all.length > most ? all.slice(0, /[\ud800-\udbff]/.test(all[most - 1] ?? '') ? most - 1 : most) : all
  const pieces: ShownPiece[] = []
  let from = 0
  let hidden = 0
  for (const match of cut.matchAll(unseen)) {
    if (match.index > from) pieces.push({ text: cut.slice(from, match.index) })
    pieces.push(mark(match[0]))
    hidden++
    from = match.index + match[0].length
  }
  if (from < cut.length || pieces.length === 0) pieces.push({ text: cut.slice(from) })
  return { pieces, left: all.length - cut.length, hidden }
}

/** The same as one line of plain text, for titles, labels and messages. */
export function plain(raw: string | null | undefined, most = 200): string {
  const { pieces, left } = shown(raw, most)
  return pieces.map((p) => p.text).join('').replace(/\s+/g, ' ').trim() + (left > 0 ? '…' : '')
}

/** The first line that says something. */
export const firstLine = (raw: string | null | undefined): string => (raw ?? '').trimStart().split('\n', 1)[0] ?? ''
