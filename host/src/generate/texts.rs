//! Texts in many languages and scripts, as they stand within JSON strings: some characters escaped,
//! most not.

/// Exercises: the fields of a prompt and its answer.
pub(super) const PHRASES: &[&str] = &[
    r#""lang":"es","prompt":"El niño come una manzana","answer":"The boy eats an apple""#,
    r#""lang":"es","prompt":"¿Dónde está la biblioteca?","answer":"Where is the library?""#,
    r#""lang":"es","prompt":"Ma\u00f1ana ser\u00e1 otro d\u00eda","answer":"Tomorrow is another day""#,
    r#""lang":"es","prompt":"¡Qué vergüenza!","answer":"How embarrassing! 😳""#,
    r#""lang":"ja","prompt":"猫は机の上で寝ています","answer":"The cat sleeps on the desk""#,
    r#""lang":"ja","prompt":"「おはよう」と言いました","answer":"She said \"good morning\"""#,
    r#""lang":"ja","prompt":"コーヒーを一杯ください","answer":"A cup of coffee, please ☕""#,
    r#""lang":"ar","prompt":"الولد يقرأ الكتاب في المدرسة","answer":"The boy reads the book at school""#,
    r#""lang":"ar","prompt":"صباح الخير","answer":"Good morning""#,
    r#""lang":"ar","prompt":"أين تقع محطة القطار؟","answer":"Where is the train station?""#,
    r#""lang":"zh","prompt":"我每天早上喝一杯茶","answer":"I drink a cup of tea every morning""#,
    r#""lang":"zh","prompt":"你叫什么名字？","answer":"What is your name?""#,
    r#""lang":"zh","prompt":"𠮷野家在哪里","answer":"Where is Yoshinoya?""#,
    r#""lang":"de","prompt":"Die Straße ist länger als der Weg","answer":"The street is longer than the path""#,
    r#""lang":"de","prompt":"Er sagt: \"Grüß Gott!\"","answer":"He says: \"Hello!\"""#,
    r#""lang":"de","prompt":"Fünf Äpfel\nund zwölf Öfen","answer":"Five apples\nand twelve ovens""#,
    r#""lang":"hi","prompt":"मैं हर दिन हिन्दी सीखता हूँ","answer":"I learn Hindi every day""#,
    r#""lang":"hi","prompt":"नमस्ते दुनिया","answer":"Hello world""#,
    r#""lang":"el","prompt":"Η θάλασσα είναι γαλάζια","answer":"The sea is blue""#,
    r#""lang":"el","prompt":"Καλημέρα, τι κάνεις;","answer":"Good morning, how are you?""#,
    r#""lang":"fr","prompt":"L'élève a reçu sa leçon d'été","answer":"The pupil got the summer lesson""#,
    r#""lang":"fr","prompt":"O\u00f9 est le caf\u00e9 ?","answer":"Where is the caf\u00e9?""#,
    r#""lang":"ru","prompt":"Мама мыла раму","answer":"Mum was washing the window frame""#,
    r#""lang":"uk","prompt":"Її звуть Ґалаґан","answer":"Her name is Galagan""#,
    r#""lang":"ko","prompt":"저는 학교에 가요","answer":"I go to school""#,
    r#""lang":"he","prompt":"שלום, מה שלומך?","answer":"Hello, how are you?""#,
    r#""lang":"th","prompt":"ฉันชอบกินข้าวผัด","answer":"I like fried rice""#,
    r#""lang":"vi","prompt":"Tôi thích học tiếng Việt","answer":"I like learning Vietnamese""#,
    r#""lang":"tr","prompt":"İstanbul'da yağmur yağıyor","answer":"It is raining in Istanbul 🌧️""#,
    r#""lang":"pl","prompt":"Zażółć gęślą jaźń","answer":"zazolc gesla jazn""#,
    r#""lang":"en","prompt":"C:\\courses\\new\ttab","answer":"back\\slash \/ slash""#,
    r#""lang":"en","prompt":"👩‍👩‍👧‍👦 = ?","answer":"\ud83d\udc69 family""#,
    r#""lang":"en","prompt":"She gave him an apple","answer":"Ella le dio una manzana""#,
    r#""lang":"en","prompt":"We are late","answer":"""#,
];

/// Words to learn.
pub(super) const WORDS: &[&str] = &[
    "manzana", "niño", "cigüeña", "casa", "猫", "食べる", "ありがとう", "كتاب", "مدرسة", "学习", "茶",
    "Straße", "Brötchen", "पानी", "किताब", "θάλασσα", "ψωμί", "caf\\u00e9", "garçon", "вода", "їжак",
    "물", "ספר", "ข้าว", "phở", "çocuk", "źdźbło", "🍎", "apple", "to run",
];

/// Sentences of free text, by language.
pub(super) const SENTENCES: &[&[&str]] = &[
    &[
        "I have been using the app every morning for about half a year now.",
        "The lessons are short enough for the train, and that is what keeps me going.",
        "Yesterday the microphone exercise said \\\"try again\\\" eleven times in a row!",
        "Please bring back the old review screen;\\nthe new one hides what I got wrong.",
        "My streak was lost although I had finished two lessons before midnight.",
        "The explanations of the subjunctive are the best I have read anywhere 👏.",
        "Could you add a dark theme for the stories?",
        "Thanks for reading all this.",
    ],
    &[
        "Llevo seis meses aprendiendo japonés con la aplicación y estoy muy contenta.",
        "Los ejercicios de escucha van demasiado rápido para los que empezamos.",
        "¿Por qué desapareció el botón de «repetir»?",
        "Mi hijo de diez a\\u00f1os también la usa todos los días.",
        "Ayer perdí la racha por un error de conexión 😢.",
        "¡Sigan así!",
    ],
    &[
        "Die Übungen gefallen mir, aber die Aussprache wird zu streng bewertet.",
        "Außerdem fehlen mir längere Texte für Fortgeschrittene.",
        "Seit der letzten Aktualisierung stürzt die App beim Öffnen der Wörterliste ab.",
        "Könnten Sie bitte den Pfad \\\"Einstellungen\\\\Töne\\\" prüfen?",
        "Vielen Dank für die schöne Arbeit!",
    ],
    &[
        "毎日電車の中で勉強しています。",
        "発音の練習がとても楽しいです。",
        "でも、漢字の書き順の説明がもう少し欲しいです。",
        "昨日から音声が再生されません😭。",
        "これからもよろしくお願いします。",
    ],
    &[
        "أستخدم التطبيق كل يوم منذ ثلاثة أشهر وأحب القصص القصيرة.",
        "لكن تمارين الاستماع صعبة قليلاً في البداية.",
        "هل يمكن إضافة دروس عن اللهجات؟",
        "شكراً لكم على هذا العمل الرائع.",
    ],
    &[
        "मैं रोज़ सुबह इस ऐप से अंग्रेज़ी सीखता हूँ।",
        "कहानियाँ बहुत अच्छी हैं, पर आवाज़ कभी-कभी धीमी लगती है।",
        "कृपया और अभ्यास जोड़ें।",
        "धन्यवाद!",
    ],
];
