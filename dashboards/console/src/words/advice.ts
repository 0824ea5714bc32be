/** What a person can do about a reason, by its code. A code without advice needs none: its words say it all. */
import type { Words } from '../data/types'

export const ADVICE: Readonly<Record<string, Words>> = {
  'blocked-by-switching-hierarchy': {
    zh: '请现场人员把选择开关打到“远程”后再操作;来不及时按人工操作卡就地操作',
    en: 'Have the switch beside it turned to remote, then operate again; if there is no time, follow the hand card on site',
  },
  'blocked-by-interlocking': {
    zh: '联锁在保护现场:先消除所列条件,不要就地强行操作',
    en: 'The interlock protects the site: clear the conditions listed, and do not force it by hand',
  },
  'blocked-by-health': {
    zh: '派人到现场查看是否卡阻、跳闸或过力矩;可再操作一次,仍不到位按人工操作卡处置',
    en: 'Send somebody to look for an obstacle or a tripped protection; try once more, then follow the hand card',
  },
  'link-lost': {
    zh: '控制柜或网络不通,远程无法操作:立即按人工操作卡派人,恢复通讯后再核实位置',
    en: 'The cabinet or the network does not answer: send somebody by the hand card now, and verify the position when the link is back',
  },
  'stale-input': {
    zh: '趋向安全位的操作仍会下发并持续重发;位置以现场或视频为准',
    en: 'A move toward safe is sent all the same and sent again; believe the site or the video for the position',
  },
  'position-locked': { zh: '关闭可凭 PIN 下发;其他操作先解锁', en: 'A closure goes with the PIN; unlock for anything else' },
  'credentials-due': { zh: '到“我的账户”处理;关闭和停不受影响', en: 'Put it right in your account; closing and stop are not affected' },
  'no-access-authority': { zh: '请有此权限的人员操作', en: 'Ask somebody who has the authority' },
  'tagged-out': { zh: '与挂牌人联系;人员撤离并摘牌后才能远程操作', en: 'Call whoever hung the tag; it moves remotely only when they have lifted it' },
  'not-commissioned': { zh: '由工程师完成联调并签字后才能远程操作', en: 'An engineer must finish and sign its commissioning first' },
  'outcome-in-doubt': { zh: '先点“核实”看清实际位置,或执行趋向安全位的操作', en: 'Verify its position first, or move it toward safe' },
  'keep-closed-order': { zh: '只能通过“恢复开启”程序解除', en: 'Only the reopening procedure releases it' },
  'keep-open-order': { zh: '只能通过“恢复”程序解除', en: 'Only the reopening procedure releases it' },
  'samples-missing': { zh: '系统按间隔自动取样;连续合格的样本凑足后即可申请', en: 'Samples are taken by themselves; ask again when enough in a row have passed' },
  'command-already-in-execution': { zh: '等当前动作结束,或先“停”', en: 'Wait for the present move to end, or stop it first' },
  'approval-missing': { zh: '离开安全位须另一人同意操作票;河道闸门走一键方案或恢复程序', en: 'Away from safe another person agrees to a ticket; a river sluice moves by a plan or a reopening' },
  'object-already-selected': { zh: '等对方操作完或预选超时(10 秒)', en: 'Wait until the other person has operated or the select has run out (10 s)' },
  'time-limit-over': { zh: '未在有效期内送达;查看通讯后重新操作', en: 'It did not arrive in time: look at the link, then operate again' },
  'challenge-stale': { zh: '网关可能刚重启;稍候重新操作', en: 'The gateway may have just restarted: operate again in a moment' },
  'audit-unavailable': { zh: '数据库恢复前只能趋向安全位操作和停', en: 'Until the database is back only stop and moves toward safe are possible' },
  'definition-mismatch': { zh: '中心与网关的园区配置不一致;请工程师同步后再开启', en: 'Centre and gateway hold different park files: have an engineer bring them together' },
  'journal-unavailable': { zh: '网关磁盘已满;请工程师清理后再开启', en: "The gateway's disk is full: have an engineer clear it" },
}
