// SPDX-License-Identifier: Apache-2.0
import { useChange } from '../api/house.ts'
import type { Unit } from '../api/words.ts'
import { isStill } from '../lib/states.ts'
import { Button, IconButton } from '../ui/button.tsx'
import { confirm } from '../ui/confirm.tsx'
import { LogIcon, PlayIcon, RestartIcon, StopIcon } from '../ui/icons.tsx'

const touches = ['unit.list', 'unit.show', 'unit.history', 'house.status']

/** Start, stop and restart of one unit, with the questions before them. A refusal is shown by its toast, or in place when inline. */
export function useUnitActions(unit: Pick<Unit, 'name' | 'owner'>, inline = false) {
  const { name, owner } = unit
  const start = useChange('unit.start', { touches, inline, done: () => `${name} is started` })
  const stop = useChange('unit.stop', { touches, inline, done: () => `${name} is stopped, and held until you start it` })
  const restart = useChange('unit.restart', { touches, inline, done: () => `${name} is restarted` })
  const all = [start, stop, restart]
  const reset = () => all.forEach((a) => a.reset())
  return {
    busy: all.some((a) => a.busy),
    error: all.find((a) => a.error)?.error,
    reset,
    start: async () => {
      reset()
      await start.run({ unit: name })
    },
    stop: async () => {
      reset()
      const yes = await confirm({ title: `Stop ${name}?`, body: <p className="soft">It is held: nothing starts it again until you do, not even a restart of the house.</p>, yes: 'Stop', danger: true })
      if (yes) await stop.run({ unit: name })
    },
    restart: async () => {
      reset()
      const yes = await confirm({ title: `Restart ${name}?`, body: <p className="soft">It is asked to end, then started again. What it is doing now ends.{owner === 'house' && ' It belongs to the house itself: this page may lose it for a moment.'}</p>, yes: 'Restart' })
      if (yes) await restart.run({ unit: name })
    },
  }
}

/** What is left to do in a state: to start what does not run, to restart what does, to stop what is wanted. */
const offers = (state: string) => {
  const start = isStill(state) || ['failed', 'blocked', 'backing-off'].includes(state)
  return { start, restart: !start, stop: !isStill(state) && state !== 'failed' }
}

export function UnitButtons({ unit, onLog }: { unit: Unit; onLog: () => void }) {
  const act = useUnitActions(unit)
  const offer = offers(unit.state)
  return (
    <div className="row">
      {offer.start && <IconButton label={`Start ${unit.name}`} isDisabled={act.busy} onPress={() => void act.start()}><PlayIcon /></IconButton>}
      {offer.restart && <IconButton label={`Restart ${unit.name}`} isDisabled={act.busy} onPress={() => void act.restart()}><RestartIcon /></IconButton>}
      {offer.stop && <IconButton label={`Stop ${unit.name}`} isDisabled={act.busy} onPress={() => void act.stop()}><StopIcon /></IconButton>}
      <IconButton label={`Log of ${unit.name}`} onPress={onLog}><LogIcon /></IconButton>
    </div>
  )
}

/** The same with words, where there is room for them. */
export function WideButtons({ unit, act, onLog }: { unit: Unit; act: ReturnType<typeof useUnitActions>; onLog: () => void }) {
  const offer = offers(unit.state)
  return (
    <div className="row wrap">
      {offer.start && <Button kind="primary" icon={<PlayIcon size={15} />} busy={act.busy} onPress={() => void act.start()}>{unit.state === 'backing-off' ? 'Start now' : 'Start'}</Button>}
      {offer.restart && <Button icon={<RestartIcon size={15} />} busy={act.busy} onPress={() => void act.restart()}>Restart</Button>}
      {offer.stop && <Button icon={<StopIcon size={15} />} busy={act.busy} onPress={() => void act.stop()}>Stop</Button>}
      <Button icon={<LogIcon size={15} />} onPress={onLog}>Log</Button>
    </div>
  )
}
