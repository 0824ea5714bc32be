"""A park of one outlet, one PLC and two data loggers, written as its engineer would, for tests of the listener."""

from pathlib import Path

from tests.fakes.sealed import sealed

MN = "320684000100A00000000001"
OTHER_MN = "320684000100A00000000002"
PASSWORD = "123456"

_FILES = {
    "park.yaml": "id: little\nname: {zh: 小园区, en: little park}\n",
    "enterprises.yaml": "enterprises:\n  hc: {name: {zh: 恒川, en: Hengchuan}, risk: major, substances: [苯胺], contact: '8101'}\n",
    "facilities.yaml": """
hand_procedures:
  electric_valve: [把选择开关打到就地 / selector to local]
facilities:
  hc_unit: {kind: risk_unit, enterprise: hc, tier: enterprise, line: 1, name: {zh: 风险单元, en: risk unit}, at: [1, 1], flows_to: [hc_analyser]}
  hc_analyser: {kind: analyser, enterprise: hc, tier: enterprise, line: 3, name: {zh: 分析仪, en: analyser}, at: [1, 2], flows_to: [hc_outlet]}
  hc_outlet:
    {kind: rain_outlet, enterprise: hc, tier: enterprise, line: 3, name: {zh: 雨水排口, en: rain outlet}, at: [1, 3], flows_to: [section],
     actuator: {safe_position: closed, travel_time_s: 30, reversing_pause_s: 2,
       hand_card: {who: 安全员, phone: "8110", where: 排口, how: electric_valve}}}
  section: {kind: sensitive_target, tier: river, name: {zh: 考核断面, en: assessed section}, at: [1, 4]}
""",
    "gateways.yaml": f"""
gateways:
  gw_east:
    name: {{zh: 边缘网关, en: edge gateway}}
    devices:
      plc_hc:
        {{template: outlet, host: 192.0.2.11, name: {{zh: 排口柜, en: outlet cabinet}}, slots: {{outlet: hc_outlet}}}}
      log_hc:
        {{kind: hj212, mn: "{MN}", template: rain_logger, history_s: 7200, name: {{zh: 排口数采仪, en: outlet logger}}, slots: {{quality: hc_analyser}}}}
      log_section:
        {{kind: hj212, mn: "{OTHER_MN}", password_file: log_hc, mode: strict, template: rain_logger, name: {{zh: 断面数采仪, en: section logger}},
         slots: {{quality: section}}}}
""",
    "templates/outlet.yaml": """
name: {zh: 排口柜, en: outlet cabinet}
addressing: vendor
groups: {critical: {period_s: 1, critical: true}}
slots:
  outlet: {drive: {kind: momentary_coils, open: 00001, close: 00002, stop: 00003, pulse: plc_resets, repeat: safe}}
""",
    "templates/outlet.csv": """slot,point,zh,en,address,type,bit,order,scale,offset,invalid,unit,min,max,group,dead_band,silence_s
outlet,opened,开到位,open limit,10001,bit,,,,,,,,,critical,,300
outlet,closed,关到位,closed limit,10002,bit,,,,,,,,,critical,,300
outlet,remote,远程,remote,10004,bit,,,,,,,,,critical,,300
""",
    "templates/rain_logger.yaml": """
name: {zh: 雨水排口数采仪, en: rain outlet logger}
groups:
  probes: {report: realtime, period_s: 60}
  analysers: {report: realtime, period_s: 300}
  tens: {report: minute, period_s: 600}
slots: {quality: {}}
""",
    "templates/rain_logger.csv": """slot,point,zh,en,factor,field,type,sent_in,unit,min,max,group,dead_band,silence_s
quality,conductivity,,,w01014,,,,uS_cm,0,20000,probes,,60
quality,ph,,,w01001,,,,pH,0,14,probes,,60
quality,flow,,,w00000,,,,m3_h,0,,probes,,60
quality,cod,,,w01018,,,,mg_L,0,2000,analysers,,60
quality,cod_faulty,COD 故障,COD faulty,w01018,Faulty,,,,,,analysers,,60
quality,mercury,,,w20111,,,,mg_L,0,1,analysers,,60
quality,cod_10min,,,w01018,Avg,,,mg_L,,,tens,,60
""",
    "interlocks.yaml": "interlocks: {}\n",
    "alarms.yaml": """
alarms:
  cod_high: {point: hc_analyser/cod, above: 100 mg_L, hysteresis: 5, samples: 1, severity: 2, words: {zh: COD 偏高, en: COD high}}
""",
    "cutoffs.yaml": """
cutoffs:
  cod: {point: hc_analyser/cod, above: 500 mg_L, beyond: 2, of: 3, actuators: [hc_outlet], enabled: true, words: {zh: COD 越限切断, en: COD cut-off}}
""",
    "plans.yaml": "plans: {}\n",
}


def write_park(folder: Path, **changes: tuple[str, str]) -> Path:
    """Write the park into `folder`; a change replaces text in a file: gateways_yaml=("strict", "lenient")."""
    for name, text in _FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        old, new = changes.get(name.replace("/", "_").replace(".", "_"), ("", ""))
        assert old in text
        path.write_text(text.replace(old, new, 1) if old else text, encoding="utf-8")
    return sealed(folder)


def write_passwords(folder: Path) -> Path:
    """Write the folder of passwords that the park's loggers share one of."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "log_hc").write_text(f"{PASSWORD}\n", encoding="utf-8")
    return folder
