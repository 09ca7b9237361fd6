"""A small test set in other languages: messages, and queries with the number of the message that
answers each. No stemmer knows these; accents are left out where people leave them out."""

from __future__ import annotations

TALKS: dict[str, tuple[list[str], list[tuple[str, int]]]] = {
    "Spanish": (
        [
            "El jueves fui a la panadería de mi tía Asunción a comprar ensaimadas.",
            "Mi hermano toca el acordeón en una orquesta de Bilbao.",
            "Se nos averió la lavadora y tuvimos que llamar al técnico.",
            "La niña cumple seis años en octubre y quiere un telescopio.",
            "Hemos plantado tomates y pimientos en el balcón.",
            "Mañana tengo cita con el dentista a las nueve.",
            "El perro se llama Canelo y duerme debajo de la mesa.",
            "Este verano vamos a recorrer el río Duero en canoa.",
        ],
        [
            ("¿Quién toca el acordeon?", 1),
            ("panaderia Asuncion", 0),
            ("¿Qué quiere la niña por su cumpleaños, un telescopio?", 3),
            ("¿Cómo se llama el perro?", 6),
            ("rio Duero", 7),
            ("cita dentista", 5),
        ],
    ),
    "French": (
        [
            "Samedi, nous avons visité le château de Chenonceau avec les enfants.",
            "Mon père répare de vieilles horloges dans son garage.",
            "J'ai oublié mon parapluie dans le tramway.",
            "Élodie a trouvé un stage dans une clinique vétérinaire.",
            "Le gâteau aux noisettes était trop cuit.",
            "Nous déménageons à Besançon au mois de septembre.",
            "Ma voisine élève des abeilles sur le toit.",
            "Le train de nuit arrive à Nice à sept heures.",
        ],
        [
            ("Où est-ce que nous déménageons ?", 5),
            ("Qui élève des abeilles ?", 6),
            ("chateau Chenonceau", 0),
            ("Elodie stage", 3),
            ("le gateau aux noisettes", 4),
            ("Que répare mon père dans le garage ?", 1),
        ],
    ),
    "German": (
        [
            "Am Wochenende haben wir die Straße vor dem Haus gefegt.",
            "Meine Großmutter sammelt Briefmarken aus Island.",
            "Der Zug nach Görlitz hatte vierzig Minuten Verspätung.",
            "Lukas lernt seit März Schlagzeug.",
            "Wir brauchen noch Mehl, Hefe und Kümmel für das Brot.",
            "Die Katze heißt Mücke und jagt Falter.",
            "Im Keller steht ein altes Ruderboot.",
            "Nächste Woche kommt der Schornsteinfeger.",
        ],
        [
            ("Wer sammelt Briefmarken?", 1),
            ("Strasse fegen Haus", 0),
            ("Wie heißt die Katze?", 5),
            ("Zug nach Gorlitz", 2),
            ("Was steht im Keller?", 6),
            ("Wann kommt der Schornsteinfeger?", 7),
        ],
    ),
    "Russian": (
        [
            "Вчера мы собирали грибы в лесу под Вологдой.",
            "Мой дядя чинит старые радиоприёмники.",
            "Катя записалась на курсы фехтования.",
            "У нас сломался лифт, и я поднимался пешком.",
            "Бабушка печёт пирог с капустой по воскресеньям.",
            "Ёжик живёт под яблоней в саду.",
            "В июле мы поедем на Байкал.",
            "Собаку зовут Буран, ей три года.",
        ],
        [
            ("Кто чинит радиоприемники?", 1),
            ("ежик под яблоней", 5),
            ("курсы фехтования", 2),
            ("Когда мы поедем на Байкал?", 6),
            ("пирог с капустой", 4),
            ("Как зовут собаку Буран", 7),
        ],
    ),
    "Chinese": (
        [
            "昨天我和妹妹去颐和园划船。",
            "爸爸最近在学拉二胡。",
            "我把雨伞忘在地铁上了。",
            "小猫叫豆豆,喜欢睡在沙发下面。",
            "下个月我们要搬到成都。",
            "奶奶每年春节都包韭菜饺子。",
            "医生说我要少喝咖啡。",
            "他的生日礼物是一台望远镜。",
        ],
        [
            ("谁在学二胡?", 1),
            ("雨伞在哪里?", 2),
            ("搬到成都", 4),
            ("望远镜", 7),
            ("韭菜饺子是谁包的", 5),
            ("颐和园划船", 0),
        ],
    ),
    "Japanese": (
        [
            "土曜日に友達と箱根の温泉へ行きました。",
            "兄はトランペットを吹いています。",
            "洗濯機が壊れたので、新しいのを買いました。",
            "犬の名前はごまです。",
            "来月、札幌に引っ越します。",
            "祖母は毎朝ラジオ体操をします。",
            "誕生日に天体望遠鏡をもらいました。",
            "電車に傘を忘れてしまいました。",
        ],
        [
            ("誰がトランペットを吹いていますか", 1),
            ("犬の名前は何ですか", 3),
            ("箱根の温泉", 0),
            ("札幌", 4),
            ("傘をどこに忘れましたか", 7),
            ("天体望遠鏡", 6),
        ],
    ),
    "Korean": (
        [
            "어제 동생과 함께 한강에서 자전거를 탔어요.",
            "아버지는 요즘 장구를 배우고 계세요.",
            "지하철에 우산을 두고 내렸어요.",
            "고양이 이름은 나비예요.",
            "다음 달에 부산으로 이사해요.",
            "할머니가 만드신 김치가 제일 맛있어요.",
        ],
        [("장구 배우는 사람", 1), ("우산", 2), ("고양이 이름이 뭐예요?", 3), ("부산 이사", 4)],
    ),
    "Arabic": (
        [
            "ذهبنا أمس إلى سوق السمك في الإسكندرية.",
            "أخي يعزف على العود كل مساء.",
            "نسيت المظلة في القطار.",
            "اسم القطة مشمش وهي تنام تحت الطاولة.",
            "سننتقل إلى حلب في الشهر القادم.",
            "جدتي تخبز الخبز كل يوم جمعة.",
        ],
        [("من يعزف على العود؟", 1), ("سوق السمك الاسكندرية", 0), ("المِظَلَّة", 2), ("حلب", 4)],
    ),
}
