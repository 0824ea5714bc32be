/** What the audit's kinds are called: the area in the first part of the code, and what happened in the rest. */
import { commandStateWords } from '../data/position'
import type { Words } from '../data/types'

const AREAS: Record<string, Words> = {
  command: { zh: '命令', en: 'Command' },
  edge: { zh: '边缘', en: 'Edge' },
  plan: { zh: '方案', en: 'Plan' },
  'plan.step': { zh: '方案步骤', en: 'Plan step' },
  alarm: { zh: '告警', en: 'Alarm' },
  order: { zh: '指令', en: 'Order' },
  tag: { zh: '检修', en: 'Maintenance' },
  override: { zh: '旁路', en: 'Override' },
  hand: { zh: '现场', en: 'On site' },
  person: { zh: '人员', en: 'Person' },
  control: { zh: '控制服务', en: 'Control' },
  database: { zh: '数据库', en: 'Database' },
}

const EVENTS: Record<string, Words> = {
  'command.select': { zh: '预选', en: 'select' },
  'command.cancel': { zh: '取消预选', en: 'cancel select' },
  'command.request': { zh: '下达', en: 'given' },
  'command.operate': { zh: '执行', en: 'operate' },
  'command.confirmed': { zh: '到位', en: 'in position' },
  'edge.command': { zh: '命令', en: 'command' },
  'edge.cutoff': { zh: '自动截断', en: 'cut-off' },
  'edge.order': { zh: '禁开令', en: 'keep-closed order' },
  'edge.mode': { zh: '远程/就地', en: 'remote/local' },
  'edge.moved_by_hand': { zh: '非本系统动作', en: 'moved by another hand' },
  'edge.refused_write': { zh: '拒绝写入', en: 'write refused' },
  'edge.journal': { zh: '日志盘', en: 'journal' },
  'edge.start': { zh: '启动', en: 'start' },
  'edge.crossing': { zh: '越限', en: 'limit crossed' },
  'edge.override': { zh: '旁路起止', en: 'override begun or ended' },
  'plan.started': { zh: '开始', en: 'started' },
  'plan.approved': { zh: '双人复核', en: 'approved' },
  'plan.running': { zh: '执行中', en: 'running' },
  'plan.waiting_approval': { zh: '等待复核', en: 'awaiting second person' },
  'plan.done': { zh: '完成', en: 'done' },
  'plan.done_with_failures': { zh: '完成,有未到位', en: 'done, with failures' },
  'plan.aborted': { zh: '已中止', en: 'aborted' },
  'plan.step.waiting': { zh: '等待', en: 'waiting' },
  'plan.step.waiting_approval': { zh: '等待复核', en: 'awaiting second person' },
  'plan.step.running': { zh: '执行中', en: 'executing' },
  'plan.step.confirmed': { zh: '到位', en: 'in position' },
  'plan.step.skipped': { zh: '未执行', en: 'not run' },
  'alarm.active_unack': { zh: '发生', en: 'raised' },
  'alarm.active_ack': { zh: '确认', en: 'acknowledged' },
  'alarm.cleared_unack': { zh: '恢复,未确认', en: 'cleared, unacknowledged' },
  'alarm.normal': { zh: '解除', en: 'lifted' },
  'order.keep_closed': { zh: '禁开令', en: 'keep-closed' },
  'order.keep_open': { zh: '禁关令', en: 'keep-open' },
  'order.released': { zh: '解除', en: 'released' },
  'plan.paused': { zh: '已暂停', en: 'paused' },
  'reopening.asked': { zh: '申请', en: 'asked for' },
  'reopening.approved': { zh: '复核通过', en: 'approved' },
  'reopening.waiting_approval': { zh: '等待复核', en: 'awaiting second person' },
  'reopening.running': { zh: '执行中', en: 'running' },
  'reopening.done': { zh: '完成', en: 'done' },
  'reopening.stopped': { zh: '已停止', en: 'stopped' },
  'reopening.voided': { zh: '已作废', en: 'void' },
  'reopening.aborted': { zh: '已中止', en: 'aborted' },
  'reopening.stage.running': { zh: '执行中', en: 'executing' },
  'reopening.stage.observing': { zh: '观察水质', en: 'watching the water' },
  'reopening.stage.confirmed': { zh: '已核实', en: 'verified' },
  'reopening.stage.failed': { zh: '未能核实', en: 'not verified' },
  'reopening.stage.skipped': { zh: '未执行', en: 'not executed' },
  'tag.hung': { zh: '挂牌', en: 'tag hung' },
  'tag.lifted': { zh: '摘牌', en: 'tag lifted' },
  'tag.lift_asked': { zh: '申请代为摘牌', en: 'lifting asked for' },
  'tag.lift_lapsed': { zh: '代为摘牌无人复核', en: 'lifting lapsed' },
  'override.asked': { zh: '申请', en: 'asked for' },
  'override.given': { zh: '批准', en: 'approved' },
  'override.lifted': { zh: '解除', en: 'lifted' },
  'override.ended': { zh: '到期', en: 'ended' },
  'override.lapsed': { zh: '无人复核', en: 'lapsed' },
  'override.withdrawn': { zh: '撤回', en: 'withdrawn' },
  'hand.report': { zh: '人工报告', en: 'hand report' },
  'person.added': { zh: '新增用户', en: 'user added' },
  'person.signed_in': { zh: '登录', en: 'signed in' },
  'person.signed_out': { zh: '退出', en: 'signed out' },
  'person.sign_in_failed': { zh: '登录失败', en: 'sign-in failed' },
  'control.term': { zh: '任期', en: 'term' },
  'database.restored': { zh: '恢复', en: 'restored' },
}

/** 「边缘·命令」 for edge.command; an area alone is called by its name, and what is new to this version by its code. */
export function kindWords(kind: string): Words {
  const cut = kind.lastIndexOf('.')
  const area = AREAS[kind] ?? AREAS[kind.slice(0, Math.max(cut, 0))]
  if (area === undefined) return { zh: kind, en: kind }
  if (kind in AREAS) return area
  const event = EVENTS[kind] ?? commandStateWords(kind.slice(cut + 1))
  return { zh: `${area.zh}·${event.zh}`, en: `${area.en} · ${event.en}` }
}
