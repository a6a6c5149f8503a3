"""Follow-ups of the exam written out by hand, to compare search on a follow-up with search on the whole question."""

WRITTEN_OUT = {
    "fu-001": "Who was running your very first boat, the trawler Sister Pegg?",
    "fu-002": "How long have I got to hand in the near miss form NM-6?",
    "fu-003": "By when does a car with its driver to Tarn Isle have to be reserved?",
    "fu-004": "When does a waiting job disappear from the printer Puffin if I forget it?",
    "fu-005": "How low can Moonrake's battery get before she has to head back?",
    "fu-006": "Does the last departure for Hexley Point, the H10 at 18:30, go every night?",
    "fu-007": "宿舍的雙人房最久可以住多長？",
    "fu-008": "三樓的「浮標書櫃」一次能借幾本書回家？",
    "fu-009": "販賣部結帳後抽屜裡要留多少錢？",
    "fu-010": "救生衣固定禮拜幾要檢查一遍？",
}
