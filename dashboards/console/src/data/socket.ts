/**
 * The one socket of the console: hands on snapshot and deltas in order, reconnects, and never guesses what it missed.
 *
 * A gap in the numbers, or silence longer than the limit, drops the connection; the next snapshot repairs the image.
 */
import { apiUrl } from './api'
import { LINK_SILENCE_MS_MAX } from './link'
import { monotonicMs } from './monotonic'
import type { Live, LiveMessage } from './types'

export interface LiveListener {
  onSnapshot(live: Live): void
  onDelta(live: Live): void
  onHeard(atMs: number): void
  onConnected(isConnected: boolean): void
}

const RECONNECT_MS = [250, 500, 1000, 2000, 3000]
const CONNECT_MS_MAX = 6000
const WATCH_MS = 500

export class LiveSocket {
  private socket: WebSocket | null = null
  private lastNumber: number | null = null
  private lastHeardMs = 0
  private attempts = 0
  private timer: number | undefined
  private watch: number | undefined
  private isWanted = false
  private readonly listener: LiveListener

  constructor(listener: LiveListener) {
    this.listener = listener
  }

  start(): void {
    if (this.isWanted) return
    this.isWanted = true
    this.watch = window.setInterval(() => this.checkSilence(), WATCH_MS)
    this.connect()
  }

  stop(): void {
    this.isWanted = false
    window.clearInterval(this.watch)
    window.clearTimeout(this.timer)
    this.drop()
  }

  private connect(): void {
    if (!this.isWanted) return
    const url = apiUrl('/live').replace(/^http/, 'ws')
    const socket = new WebSocket(url)
    this.socket = socket
    this.lastNumber = null
    this.lastHeardMs = monotonicMs() + CONNECT_MS_MAX - LINK_SILENCE_MS_MAX
    socket.onmessage = (event) => {
      if (socket === this.socket) this.receive(String(event.data))
    }
    socket.onclose = () => {
      if (socket === this.socket) this.reconnect()
    }
  }

  private receive(text: string): void {
    const message = JSON.parse(text) as LiveMessage
    this.lastHeardMs = monotonicMs()
    if (message.type === 'snapshot') {
      this.lastNumber = message.n
      this.attempts = 0
      this.listener.onConnected(true)
      this.listener.onSnapshot(message)
    } else if (message.type === 'delta') {
      if (this.lastNumber === null || message.n !== this.lastNumber + 1) return this.reconnect()
      this.lastNumber = message.n
      this.listener.onDelta(message)
    }
    this.listener.onHeard(this.lastHeardMs)
  }

  private checkSilence(): void {
    if (this.socket !== null && monotonicMs() - this.lastHeardMs > LINK_SILENCE_MS_MAX) this.reconnect()
  }

  private reconnect(): void {
    this.drop()
    if (!this.isWanted) return
    const wait = RECONNECT_MS[Math.min(this.attempts, RECONNECT_MS.length - 1)] ?? 3000
    this.attempts += 1
    window.clearTimeout(this.timer)
    this.timer = window.setTimeout(() => this.connect(), wait)
  }

  private drop(): void {
    const socket = this.socket
    this.socket = null
    this.listener.onConnected(false)
    if (socket === null) return
    socket.onmessage = null
    socket.onclose = null
    socket.close()
  }
}
