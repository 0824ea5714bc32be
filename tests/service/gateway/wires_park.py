"""A park whose PLCs hang on every kind of wire and show every kind of value, written as its engineer would."""

from pathlib import Path

from tests.fakes.sealed import sealed

FILES = {
    "park.yaml": "id: wires\nname: {zh: 线缆园区, en: park of wires}\n",
    "enterprises.yaml": "enterprises:\n  hc: {name: {zh: 恒川, en: Hengchuan}, risk: major, substances: [苯胺], contact: '8101'}\n",
    "facilities.yaml": """
hand_procedures:
  electric_valve: [把选择开关打到就地 / selector to local]
facilities:
  hc_unit: {kind: risk_unit, enterprise: hc, tier: enterprise, line: 1, name: {zh: 风险单元, en: risk unit}, at: [1, 1], flows_to: [hc_analyser]}
  hc_analyser: {kind: analyser, enterprise: hc, tier: enterprise, line: 3, name: {zh: 分析仪, en: analyser}, at: [1, 2], flows_to: [hc_flow]}
  hc_flow: {kind: flow_meter, enterprise: hc, tier: enterprise, line: 3, name: {zh: 流量计, en: flow meter}, at: [1, 3], flows_to: [hc_outlet]}
  hc_outlet:
    {kind: rain_outlet, enterprise: hc, tier: enterprise, line: 3, name: {zh: 雨水排口, en: rain outlet}, at: [1, 4], flows_to: [section],
     actuator: {safe_position: closed, travel_time_s: 30, reversing_pause_s: 2,
       hand_card: {who: 安全员, phone: "8110", where: 排口, how: electric_valve}}}
  section: {kind: sensitive_target, tier: river, name: {zh: 考核断面, en: assessed section}, at: [1, 5]}
""",
    "gateways.yaml": """
gateways:
  gw_east:
    name: {zh: 边缘网关, en: edge gateway}
    devices:
      plc_outlet:
        {template: outlet, transport: rtu, unit: 1, serial: {port: /dev/ttyS7, baud: 19200, parity: none, stop_bits: 2},
         name: {zh: 排口柜, en: outlet cabinet}, slots: {outlet: hc_outlet}}
      plc_analyser:
        {template: analyser, transport: rtu, unit: 2, serial: {port: /dev/ttyS7, baud: 19200, parity: none, stop_bits: 2},
         name: {zh: 分析仪, en: analyser}, slots: {analyser: hc_analyser}}
      plc_flow:
        {template: meter, transport: tls, host: 192.0.2.11, server_name: plc.example, name: {zh: 流量计, en: flow meter}, slots: {flow: hc_flow}}
      plc_section:
        {template: meter, transport: rtu_over_tcp, host: 192.0.2.12, port: 4001, name: {zh: 断面, en: section}, slots: {flow: section}}
""",
    "templates/outlet.yaml": """
name: {zh: 排口柜, en: outlet cabinet}
addressing: vendor
writes: multiple
timeout_s: 1
groups: {critical: {period_s: 0.2, critical: true}}
slots:
  outlet: {drive: {kind: momentary_coils, open: 00001, close: 00002, stop: 00003, pulse: plc_resets, repeat: safe}}
""",
    "templates/outlet.csv": """slot,point,zh,en,address,type,bit,order,scale,offset,invalid,unit,min,max,group,dead_band,silence_s
outlet,opened,开到位,open limit,10001,bit,,,,,,,,,critical,,300
outlet,closed,关到位,closed limit,10002,bit,,,,,,,,,critical,,300
outlet,remote,远程,remote,10004,bit,,,,,,,,,critical,,300
""",
    "templates/analyser.yaml": """
name: {zh: 分析仪, en: analyser}
addressing: zero_based
timeout_s: 1
groups: {normal: {period_s: 0.2}}
slots: {analyser: {}}
""",
    "templates/analyser.csv": """slot,point,zh,en,address,type,bit,order,scale,offset,invalid,unit,min,max,group,dead_band,silence_s,rate_max,frozen_s
analyser,cod,化学需氧量,COD,holding:0,float32,,CDAB,,,,mg_L,0,2000,normal,1,60,50,600
analyser,ph,酸碱度,pH,holding:2,bcd16,,,0.01,,,pH,0,14,normal,0.02,60,,
analyser,conductivity,电导率,conductivity,holding:3,uint16,,,,,65535,uS_cm,0,20000,normal,5,60,,
analyser,batch,批号,batch,holding:10,string:4,,,,,,,,,normal,,60,,
analyser,calibrating,校准,calibrating,holding:20,bit,3,,,,,,,,normal,,60,,
""",
    "templates/meter.yaml": """
name: {zh: 流量计, en: flow meter}
addressing: zero_based
groups: {normal: {period_s: 1}}
slots: {flow: {}}
""",
    "templates/meter.csv": """slot,point,zh,en,address,type,bit,order,scale,offset,invalid,unit,min,max,group,dead_band,silence_s
flow,flow,流量,flow,input:0,float64,,,,,,m3_h,0,5000,normal,1,60
flow,total,累计,total,input:4,uint64,,,,,,m3,,,normal,1,60
""",
    "interlocks.yaml": "interlocks: {}\n",
    "alarms.yaml": "alarms: {}\n",
    "cutoffs.yaml": "cutoffs: {}\n",
    "plans.yaml": "plans: {}\n",
}


def write_park(folder: Path, file: str = "park.yaml", old: str = "", new: str = "") -> Path:
    """Write the park into `folder`, with the first `old` of `file` replaced by `new`."""
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        assert name != file or old in text
        path.write_text(text.replace(old, new, 1) if name == file else text, encoding="utf-8")
    return sealed(folder)
