/** Operation tickets (操作票): whose is whose, who may answer one, and how long it holds; what they allow is the server's to say. */
import type { Action, ActuatorView, Ticket, User } from './types'

/** Who may be the second person; the server asks the same, and more. */
const MAY_ANSWER = new Set(['operator', 'shift_chief'])

type Holder = Pick<ActuatorView, 'tickets'> | undefined

/** The person's own open ticket for this action. */
export function ownTicket(view: Holder, username: string | undefined, action: Action): Ticket | undefined {
  return view?.tickets.find((ticket) => ticket.by === username && ticket.action === action)
}

/** Whether this person can be asked to agree to it, or to refuse. */
export function mayAnswer(ticket: Pick<Ticket, 'by'>, user: Pick<User, 'username' | 'roles'> | null): boolean {
  return user !== null && ticket.by !== user.username && user.roles.some((role) => MAY_ANSWER.has(role))
}

/** What waits for this person, and what they wait for themselves; the oldest first. */
export function concerning(views: ActuatorView[], user: Pick<User, 'username' | 'roles'> | null): Ticket[] {
  return views
    .flatMap((view) => view.tickets)
    .filter((ticket) => ticket.by === user?.username || (ticket.state === 'waiting' && mayAnswer(ticket, user)))
    .sort((a, b) => a.asked_ms - b.asked_ms || a.id.localeCompare(b.id))
}

/** Seconds of the operator's own time, whatever the speed of the park's. */
export function secondsLeft(ticket: Pick<Ticket, 'until_ms'>, modelNowMs: number, speed: number): number {
  return Math.max(0, Math.floor((ticket.until_ms - modelNowMs) / 1000 / speed))
}
