/** The shapes that control's API speaks, by their names here: generated from its OpenAPI document, narrowed where it is wide. */
import type { components } from './schema'

type Shapes = components['schemas']

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json }

export type Words = Shapes['WordsShape']
export type Value = number | boolean | string | null
export type Quality = Shapes['LivePoint']['q']
export type Reason = Shapes['Reason']
export type Problem = Shapes['ProblemShape']

export type User = Shapes['UserShape']
export type Session = Shapes['SessionShape']
export type UserChange = Shapes['UserChange']
export type Factor = Shapes['FactorShape']
export type Token = Shapes['TokenShape']
export type Setup = Shapes['SetupShape']

export type Park = Shapes['ParkShape']
export type Enterprise = Shapes['EnterpriseShape']
export type Facility = Shapes['FacilityShape']
export type PointDefinition = Shapes['PointDefinition']
export type ActuatorDefinition = Shapes['ActuatorDefinition']
export type ActuatorKind = ActuatorDefinition['kind']
export type Tier = Facility['tier']

export type LivePoint = Shapes['LivePoint']
export type ActuatorView = Shapes['ActuatorShape']
export type Position = ActuatorView['position']
export type CommandBrief = Shapes['CommandBrief']
export type Action = CommandBrief['action']
export type GatewayView = Shapes['GatewayShape']
export type OrderView = Shapes['OrderShape']
export type Severity = 1 | 2 | 3
export type AlarmView = Omit<Shapes['AlarmShape'], 'severity'> & { severity: Severity }

export type PlanSummary = Shapes['PlanShape']
export type Preview = Shapes['PreviewShape']
export type PreviewStep = Shapes['PreviewStep']
export type PoolRoom = Shapes['PoolRoom']
export type Proposal = Shapes['ProposalShape']
export type Reopening = Shapes['ReopeningShape']
export type ReopeningPreview = Shapes['ReopeningPreview']
export type ReopeningRun = Omit<Shapes['ReopeningRunShape'], 'stages'> & { stages: ReopeningStage[] }
export type ReopeningStage = Omit<Shapes['StageRunShape'], 'reasons' | 'evidence'> & { reasons: Reason[]; evidence: Json }
export type WaterSample = Shapes['SampleShape']
export type RunSummary = Shapes['RunSummary']
export type RunStep = Omit<Shapes['RunStep'], 'reasons' | 'evidence'> & { reasons: Reason[]; evidence: Json }
export type RunView = Omit<Shapes['RunShape'], 'steps'> & { steps: RunStep[] }

export type Why = Shapes['WhyShape']
export type Condition = Shapes['Condition']
export type WhyNode = Shapes['WhyNode']
export type WhyValue = Shapes['WhyValue']
export type TagView = Shapes['Tag']
export type Wish = Shapes['WishShape']
export type Ticket = Shapes['TicketShape']
export type Select = Shapes['SelectShape']
export type CommandTransition = Omit<Shapes['TransitionShape'], 'reasons' | 'evidence'> & { reasons: Reason[]; evidence: Json }
export type CommandView = Omit<Shapes['CommandShape'], 'transitions'> & { transitions: CommandTransition[] }
export type Commissioning = Omit<Shapes['CommissioningShape'], 'running'> & { running: Check | null }
export type Check = Omit<Shapes['CheckShape'], 'items'> & { items: CheckItem[] }
export type CheckItem = Omit<Shapes['CheckItemShape'], 'evidence'> & { evidence: Json }
export type Travel = Shapes['TravelShape']
export type HandCard = Shapes['HandCardShape']
export type HandReport = Shapes['HandReportShape']

export type AuditRecord = Omit<Shapes['AuditRecord'], 'body'> & { body: { [key: string]: Json } }
export type AuditPage = Omit<Shapes['AuditPage'], 'records'> & { records: AuditRecord[] }
export type AuditReport = Shapes['AuditReportShape']
export type HistoryBucket = Shapes['HistoryBucket']

/** What a snapshot and a delta both carry; a delta has only the sections that changed. */
export interface Live {
  model_time_ms: number
  speed: number
  gateways?: GatewayView[]
  points?: Record<string, LivePoint>
  actuators?: Record<string, ActuatorView>
  alarms?: AlarmView[]
  orders?: OrderView[]
  runs?: RunSummary[]
}

export type LiveMessage =
  | ({ type: 'snapshot'; n: number } & Live)
  | ({ type: 'delta'; n: number } & Live)
  | { type: 'tick' }
